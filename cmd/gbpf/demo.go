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

	"github.com/cilium/ebpf"
	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/verifier"
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

// demoPackets are what the firewall sees.
var demoPackets = []struct {
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

// demoLoad loads a program of the demo's object into a machine of its own.
func demoLoad(policy vm.Policy, program string) (*vm.Machine, *ebpf.CollectionSpec, *vm.Collection, error) {
	spec, err := loader.LoadSpec(bytes.NewReader(demoObject))
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := vm.NewMachine(vm.Options{Engine: vm.EngineInterp, CPUs: 1, Policy: policy})
	if err != nil {
		return nil, nil, nil, err
	}
	coll, err := loader.New(m, spec, &loader.Options{Programs: []string{program}})
	if err != nil {
		m.Close()
		return nil, nil, nil, err
	}
	return m, spec, coll, nil
}

func demo(w io.Writer) error {
	m, spec, coll, err := demoLoad(vm.PolicyLinux, "firewall")
	if err != nil {
		return err
	}
	defer m.Close()
	for _, port := range []uint16{23, 3389} {
		if err := coll.Maps["blocked"].Put(port, uint64(0)); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "An XDP firewall, compiled from C for the Linux kernel, runs in this process: no kernel, no root.")
	fmt.Fprint(w, "Its map of blocked ports holds 23 and 3389. Packets arrive:\n\n")
	firewall := coll.Programs["firewall"]
	for _, p := range demoPackets {
		o := vm.RunOptions{Data: p.data, NoOutput: true}
		ret, err := firewall.Run(context.Background(), &o)
		if err != nil {
			return err
		}
		name, colour := retName("xdp", uint32(ret)), "32"
		if name == "XDP_DROP" {
			colour = "31"
		}
		fmt.Fprintf(w, "  %-18s%s%3d instructions\n", p.name, paint(w, colour, fmt.Sprintf("%-10s", name)), o.Insns)
	}
	fmt.Fprint(w, "\nIts maps, read from the host:\n\n")
	all := (&dumper{spec: spec, coll: coll}).dump()
	for _, d := range []struct{ name, what string }{{"packets", "packets seen"}, {"blocked", "dropped by port"}} {
		var parts []string
		for _, e := range all[d.name].entries {
			parts = append(parts, text(e.key)+": "+text(e.value))
		}
		fmt.Fprintf(w, "  %-18s%s\n", d.what, strings.Join(parts, ", "))
	}
	if err := demoFaults(w); err != nil {
		return err
	}
	ret, err := firewall.Run(context.Background(), &vm.RunOptions{Data: demoPackets[1].data, NoOutput: true})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe firewall still runs: %s gives %s.\n", demoPackets[1].name, retName("xdp", uint32(ret)))
	fmt.Fprintln(w, "Next: gbpf run OBJ --packet HEX, gbpf verify OBJ, gbpf info OBJ; gbpf demo --source shows the C.")
	return nil
}

// demoFaults shows what comes of the faulty updates: the verifier refuses them, and without it the sandbox stops
// them.
func demoFaults(w io.Writer) error {
	updates := []string{"faulty_update", "runaway_update"}
	fmt.Fprint(w, "\nTwo faulty updates are rolled out. The verifier refuses both, before they run:\n")
	for _, name := range updates {
		m, _, _, err := demoLoad(vm.PolicyLinux, name)
		if err == nil {
			m.Close()
		}
		var ve *verifier.Error
		if !errors.As(err, &ve) {
			return fmt.Errorf("demo: %s was not refused: %v", name, err)
		}
		fmt.Fprintf(w, "\n  %-18s%s %s\n", name, paint(w, "31", "rejected:"), ve.Reason)
		fmt.Fprintf(w, "  %-18s%s\n", "", strings.TrimPrefix(ve.Line, "./"))
	}
	fmt.Fprint(w, "\nWere the verifier wrong, the sandbox would stop them, and the host goes on. Without verification:\n")
	short := demoPackets[len(demoPackets)-1]
	for _, name := range updates {
		m, _, coll, err := demoLoad(vm.PolicySandboxed, name)
		if err != nil {
			return err
		}
		defer m.Close()
		o := vm.RunOptions{Data: short.data, NoOutput: true, Fuel: 1 << 20}
		_, err = coll.Programs[name].Run(context.Background(), &o)
		var t *vm.Trap
		if !errors.As(err, &t) {
			return fmt.Errorf("demo: %s was not stopped: %v", name, err)
		}
		why := fmt.Sprintf("after %d instructions", o.Insns)
		if t.Size != 0 {
			why = fmt.Sprintf("read of %s: %s", plural(int(t.Size), "byte"), t.Detail)
		}
		fmt.Fprintf(w, "\n  %-18s%s %s\n", name, paint(w, "33", "stopped: "+t.Code.String()+","), why)
		fmt.Fprintf(w, "  %-18s%s\n", "", strings.TrimPrefix(t.Line, "./"))
	}
	return nil
}
