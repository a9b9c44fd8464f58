package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"
)

// maxInput is the largest file that is read as input, in bytes.
const maxInput = 256 << 20

// inputs collects the data of the runs that the flags ask for, nil for one run without data.
func (f *runFlags) inputs(stdin io.Reader) ([][]byte, error) {
	kinds := 0
	for _, given := range []bool{len(f.packets) > 0, f.pcap != "", f.data != ""} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		return nil, fmt.Errorf("--packet, --pcap and --data exclude each other")
	}
	switch {
	case f.pcap != "":
		return readPcap(f.pcap)
	case f.data == "-":
		b, err := io.ReadAll(io.LimitReader(stdin, maxInput))
		return [][]byte{b}, err
	case f.data != "":
		b, err := os.ReadFile(f.data)
		if err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
		return [][]byte{b}, nil
	case len(f.packets) > 0:
		var all [][]byte
		for i, p := range f.packets {
			b, err := parseHex(p)
			if err != nil {
				return nil, fmt.Errorf("--packet %d: %w", i+1, err)
			}
			all = append(all, b)
		}
		return all, nil
	}
	return [][]byte{nil}, nil
}

// readPcap reads all packets of a pcap or pcapng file.
func readPcap(path string) ([][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--pcap: %w", err)
	}
	defer file.Close()
	in := bufio.NewReader(io.LimitReader(file, maxInput))
	magic, _ := in.Peek(4)
	var src gopacket.PacketDataSource
	if len(magic) == 4 && string(magic) == "\x0a\x0d\x0d\x0a" {
		src, err = pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
	} else {
		src, err = pcapgo.NewReader(in)
	}
	if err != nil {
		return nil, fmt.Errorf("--pcap %s: neither pcap nor pcapng: %w", path, err)
	}
	var all [][]byte
	for {
		data, _, err := src.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("--pcap %s: packet %d: %w", path, len(all)+1, err)
		}
		all = append(all, data)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--pcap %s: it has no packets", path)
	}
	return all, nil
}

// contextFields parses --ctx field=value settings.
func contextFields(settings []string) (map[string]uint64, error) {
	if len(settings) == 0 {
		return nil, nil
	}
	fields := map[string]uint64{}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--ctx %s: want field=value", s)
		}
		v, err := parseInt(value)
		if err != nil {
			return nil, fmt.Errorf("--ctx %s: %w", name, err)
		}
		fields[name] = v
	}
	return fields, nil
}
