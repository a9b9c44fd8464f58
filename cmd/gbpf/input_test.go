package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture writes packets as a pcap or pcapng file.
func capture(t testing.TB, ng bool, link layers.LinkType, packets ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w interface {
		WritePacket(gopacket.CaptureInfo, []byte) error
	}
	flush := func() error { return nil }
	if ng {
		n, err := pcapgo.NewNgWriter(&b, link)
		if err != nil {
			t.Fatal(err)
		}
		w, flush = n, n.Flush
	} else {
		p := pcapgo.NewWriter(&b)
		if err := p.WriteFileHeader(65536, link); err != nil {
			t.Fatal(err)
		}
		w = p
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(p), Length: len(p)}, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPcap(t *testing.T) {
	packet, err := parseHex(telnet)
	if err != nil {
		t.Fatal(err)
	}
	for _, ng := range []bool{false, true} {
		path := file(t, capture(t, ng, layers.LinkTypeEthernet, packet, packet[:20]))
		status, out, errs := exec(t, "", "run", "testdata/many.o", "-p", "filter", "--pcap", path)
		want := "packet 1, 42 bytes: filter: XDP_PASS (2), 36 instructions\npacket 2, 20 bytes: filter: XDP_ABORTED (0), 25 instructions\n"
		if status != 0 || out != want || errs != "" {
			t.Errorf("ng %v: status %d, got %s%s, want %s", ng, status, out, errs, want)
		}
	}
	for _, tt := range []struct {
		name, want string
		content    []byte
	}{
		{"empty file", "neither pcap nor pcapng", nil},
		{"no packets", "has no packets", capture(t, false, layers.LinkTypeEthernet)},
		{"no packets, ng", "has no packets", capture(t, true, layers.LinkTypeEthernet)},
		{"link type", "want Ethernet frames", capture(t, false, layers.LinkTypeRaw, packet)},
		{"link type, ng", "want Ethernet frames", capture(t, true, layers.LinkTypeRaw, packet)},
		{"cut short", "packet 2: unexpected EOF", capture(t, false, layers.LinkTypeEthernet, packet, packet)[:24+16+42+16+5]},
	} {
		status, out, errs := exec(t, "", "run", "testdata/one.o", "--pcap", file(t, tt.content))
		if status != exitUsage || out != "" || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, %s%s, want %q in it", tt.name, status, out, errs, tt.want)
		}
	}
}

func TestData(t *testing.T) {
	in := "\x05\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 8)
	want := `"data":"` + hex.EncodeToString([]byte("\x05\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00")) + `"`
	for _, args := range [][]string{{"--data", "-"}, {"--data", file(t, []byte(in))}} {
		status, out, errs := exec(t, in, append([]string{"run", "testdata/many.o", "-p", "twice", "--json"}, args...)...)
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("%v: status %d, %s%s, want %s in it", args, status, out, errs, want)
		}
	}
	large := file(t, make([]byte, maxData+1))
	status, _, errs := exec(t, "", "run", "testdata/one.o", "--data", large)
	if status != exitUsage || !strings.Contains(errs, "more than 16 MiB") {
		t.Errorf("status %d, %s", status, errs)
	}
	if err := os.Truncate(large, 1<<20); err != nil {
		t.Fatal(err)
	}
	// More than XDP takes or less: an answer either way.
	if status, out, errs := exec(t, "", "run", "testdata/one.o", "--data", large); status == exitTrap || out+errs == "" {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}

// Whatever files hold, the command ends with a status and no stack trace.
func TestBrokenFiles(t *testing.T) {
	object, err := os.ReadFile("testdata/many.o")
	if err != nil {
		t.Fatal(err)
	}
	packet, _ := parseHex(telnet)
	check := func(what string, at int, args ...string) {
		t.Helper()
		status, out, errs := exec(t, "", args...)
		if strings.Contains(out+errs, "internal error") || status == exitUsage && strings.Count(errs, "\n") != 1 {
			t.Errorf("%s %d: status %d, %s", what, at, status, errs)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "broken")
	step, packets := 397, 3
	if testing.Short() {
		step, packets = 2003, 17
	}
	for at := 0; at < len(object); at += step {
		cut := object[:at]
		flipped := bytes.Clone(object)
		flipped[at] ^= 0xff
		for _, b := range [][]byte{cut, flipped} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			check("info", at, "info", path)
			check("disasm", at, "disasm", path)
			check("run", at, "run", path, "-p", "filter", "--packet", telnet, "--map", "rules:{saddr:192.0.2.1}=0", "--dump-maps", "--fuel", "10000")
		}
	}
	for _, ng := range []bool{false, true} {
		whole := capture(t, ng, layers.LinkTypeEthernet, packet, packet)
		for at := 0; at < len(whole); at += packets {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 0xff
			for _, b := range [][]byte{whole[:at], flipped} {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				check("pcap", at, "run", "testdata/one.o", "--pcap", path)
			}
		}
	}
}
