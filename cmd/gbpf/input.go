package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

const (
	maxData = 16 << 20  // bytes of --data
	maxPcap = 256 << 20 // bytes of a capture file
)

// input is what one run is given.
type input struct {
	name string // for reports and errors, "" for the only one
	data []byte
}

// inputs collects what the flags ask to run on: one input without data if nothing else.
func (f *runFlags) inputs(stdin io.Reader) ([]input, error) {
	kinds := 0
	for _, given := range []bool{len(f.packets) > 0, f.pcap != "", f.data != ""} {
		kinds += b2i(given)
	}
	switch {
	case kinds > 1:
		return nil, fmt.Errorf("--packet, --pcap and --data exclude each other: give one of them")
	case f.pcap != "":
		return readPcap(f.pcap)
	case f.data != "":
		b, err := readData(f.data, stdin)
		return []input{{data: b}}, err
	case len(f.packets) == 0:
		return []input{{}}, nil
	}
	var all []input
	for i, p := range f.packets {
		b, err := parseHex(p)
		if err != nil {
			return nil, fmt.Errorf("--packet %d: %w", i+1, err)
		}
		all = append(all, input{fmt.Sprintf("packet %d", i+1), b})
	}
	if len(all) == 1 {
		all[0].name = ""
	}
	return all, nil
}

// pathError leaves out of a file error what the caller says already.
func pathError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func readData(path string, stdin io.Reader) ([]byte, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--data %s: %w", path, pathError(err))
		}
		defer file.Close()
		stdin = file
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxData+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--data %s: %w", path, pathError(err))
	case len(b) > maxData:
		return nil, fmt.Errorf("--data %s: more than %d MiB", path, maxData>>20)
	}
	return b, nil
}

// readPcap reads all packets of a pcap or pcapng file.
func readPcap(path string) ([]input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--pcap %s: %w", path, pathError(err))
	}
	defer file.Close()
	in := bufio.NewReader(io.LimitReader(file, maxPcap))
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("--pcap %s: %w", path, pathError(err))
	}
	var src interface {
		gopacket.PacketDataSource
		LinkType() layers.LinkType
	}
	if string(magic) == "\x0a\x0d\x0d\x0a" {
		src, err = pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
	} else {
		src, err = pcapgo.NewReader(in)
	}
	if err != nil {
		return nil, fmt.Errorf("--pcap %s: neither pcap nor pcapng: %w", path, err)
	}
	var all []input
	for {
		data, _, err := src.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("--pcap %s: packet %d: %w", path, len(all)+1, err)
		}
		all = append(all, input{fmt.Sprintf("packet %d", len(all)+1), data})
	}
	switch lt := src.LinkType(); {
	case len(all) == 0:
		return nil, fmt.Errorf("--pcap %s: it has no packets", path)
	case lt != layers.LinkTypeEthernet:
		return nil, fmt.Errorf("--pcap %s: link type %d (%s): want Ethernet frames", path, lt, lt)
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
