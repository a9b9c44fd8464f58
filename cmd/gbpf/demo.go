package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

//go:generate sh demo/build.sh

//go:embed demo/demo.o
var demoObject []byte

//go:embed demo/demo.c
var demoSource string

func demoCommand() *cobra.Command {
	var source bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a small firewall and two faulty updates of it, for a first look",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if source {
				fmt.Fprint(cmd.OutOrStdout(), demoSource)
				return nil
			}
			return demo(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&source, "source", false, "print the C source instead")
	return cmd
}

// paint colours text when w is a terminal that wants it.
func paint(w io.Writer, colour, text string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return text
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// demoPacket makes an Ethernet frame with an IPv4 packet of a protocol to a port.
func demoPacket(protocol byte, port uint16) []byte {
	p := make([]byte, 14, 60)
	p[12] = 0x08
	p = append(p, 0x45, 0, 0, 46, 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2)
	p = binary.BigEndian.AppendUint16(p, 40000)
	p = binary.BigEndian.AppendUint16(p, port)
	return append(p, make([]byte, 60-len(p))...)
}

func demo(w io.Writer) error {
	spec, err := loader.LoadSpec(bytes.NewReader(demoObject))
	if err != nil {
		return err
	}
	m, err := vm.NewMachine(vm.Options{CPUs: 1})
	if err != nil {
		return err
	}
	defer m.Close()
	coll, err := loader.New(m, spec, nil)
	if err != nil {
		return err
	}
	for _, port := range []uint16{23, 3389} {
		if err := coll.Maps["blocked"].Put(port, uint64(0)); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "An XDP firewall, compiled from C for the Linux kernel, runs in this process: no kernel, no root.")
	fmt.Fprintln(w, "Ports 23 and 3389 are in its map of blocked ports.")
	fmt.Fprintln(w)
	packets := []struct {
		name string
		data []byte
	}{
		{"TCP to port 443", demoPacket(6, 443)},
		{"TCP to port 23", demoPacket(6, 23)},
		{"UDP to port 53", demoPacket(17, 53)},
		{"UDP to port 3389", demoPacket(17, 3389)},
		{"ICMP", demoPacket(1, 0)},
		{"TCP, cut short", demoPacket(6, 443)[:36]},
	}
	ctx := context.Background()
	for _, p := range packets {
		o := vm.RunOptions{Data: p.data}
		ret, err := coll.Programs["firewall"].Run(ctx, &o)
		if err != nil {
			return err
		}
		name := retName("xdp", uint32(ret))
		colour := "32"
		if name == "XDP_DROP" {
			colour = "31"
		}
		fmt.Fprintf(w, "  %-18s %s %3d instructions\n", p.name, paint(w, colour, fmt.Sprintf("%-9s", name)), o.Insns)
	}
	fmt.Fprintln(w)
	all := dumpMaps(spec, coll)
	for _, name := range []string{"blocked", "packets"} {
		var parts []string
		for _, e := range all[name] {
			parts = append(parts, e.Key+": "+e.Value)
		}
		fmt.Fprintf(w, "  map %-8s {%s}\n", name, strings.Join(parts, ", "))
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "Two faulty updates of it. In a kernel module either would take the machine down:")
	for _, name := range []string{"faulty_update", "runaway_update"} {
		fmt.Fprintln(w)
		_, err := coll.Programs[name].Run(ctx, &vm.RunOptions{Data: packets[5].data, NoOutput: true, Fuel: 1 << 20})
		var t *vm.Trap
		if !errors.As(err, &t) {
			return fmt.Errorf("demo: %s was not stopped: %v", name, err)
		}
		fmt.Fprintf(w, "  %s %s at insn %d: %s\n", paint(w, "33", "stopped"), name, t.Insn, t.Code)
		if t.Size != 0 {
			fmt.Fprintf(w, "    %s: %s\n", t.Access(), t.Detail)
		}
		fmt.Fprintf(w, "    %s\n", t.Line)
	}
	o := vm.RunOptions{Data: packets[0].data, NoOutput: true}
	ret, err := coll.Programs["firewall"].Run(ctx, &o)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe firewall still runs: %s gives %s.\n", packets[0].name, retName("xdp", uint32(ret)))
	fmt.Fprintln(w, "Next: gbpf run OBJ --packet HEX, gbpf disasm OBJ, gbpf info OBJ; gbpf demo --source shows the C.")
	return nil
}
