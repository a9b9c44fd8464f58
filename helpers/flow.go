package helpers

import "hash/fnv"

// flowHash is a hash of what tells flows apart in an IPv4 or IPv6 packet, the addresses, the
// protocol and the ports; of the protocol alone for other packets. It is never 0.
func flowHash(l3 []byte, ethertype uint16) uint32 {
	h := fnv.New32a()
	h.Write([]byte{byte(ethertype >> 8), byte(ethertype)})
	var proto byte
	var l4 []byte
	switch {
	case ethertype == 0x0800 && len(l3) >= 20:
		proto = l3[9]
		h.Write(l3[12:20])
		// Only a first fragment has ports.
		if n := int(l3[0]&15) * 4; n >= 20 && len(l3) >= n && l3[6]&0x3f|l3[7] == 0 {
			l4 = l3[n:]
		}
	case ethertype == 0x86dd && len(l3) >= 40:
		proto = l3[6]
		h.Write(l3[8:40])
		l4 = l3[40:]
	}
	h.Write([]byte{proto})
	if (proto == 6 || proto == 17 || proto == 132) && len(l4) >= 4 {
		h.Write(l4[:4])
	}
	return max(h.Sum32(), 1)
}
