package packets

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestSet(t *testing.T) {
	set := Set()
	if len(set) < 60 {
		t.Errorf("%d packets, want at least 60", len(set))
	}
	h := sha256.New()
	names := map[string]bool{}
	for _, p := range set {
		if names[p.Name] {
			t.Errorf("two packets are named %q", p.Name)
		}
		names[p.Name] = true
		if len(p.Data) < 14 || len(p.Data) > 3000 {
			t.Errorf("%s: %d bytes, want 14 to 3000", p.Name, len(p.Data))
		}
		h.Write([]byte(p.Name))
		h.Write(p.Data)
	}
	// Recordings under testdata/recorded depend on these bytes.
	const want = "192bd6f2cb1557c660db8929c5d95baeaecc1c9a21a4095ff340bf659e13d1c5"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("%d packets changed: sha256 %s, want %s; record anew with go test ./conformance -update", len(set), got, want)
	}
}

func TestChecksums(t *testing.T) {
	ip := IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP}.Packet(UDP(V4A, V4B, 1, 2, Fill(7)))
	if s := Checksum(ip[:20]); s != 0 {
		t.Errorf("IPv4 header checksum does not verify: %#x", s)
	}
	if s := Checksum(pseudo(V4A, V4B, ProtoUDP, len(ip)-20), ip[20:]); s != 0 {
		t.Errorf("UDP checksum does not verify: %#x", s)
	}
	seg := TCP(V6A, V6B, 1, 2, SYN, nil, Fill(3))
	if s := Checksum(pseudo(V6A, V6B, ProtoTCP, len(seg)), seg); s != 0 {
		t.Errorf("TCP checksum does not verify: %#x", s)
	}
}
