package verifier_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gbpf/gbpf/verifier"
)

var (
	typestatePrograms = flag.Int("typestates", 400, "how many programs TestTypestateCampaign generates")
	typestateSeed     = flag.Uint64("typestate-seed", 1, "which programs TestTypestateCampaign generates")
)

// typestateGen writes programs that take things, use them and give them back, in blocks inside blocks.
type typestateGen struct {
	*rand.Rand
	b      strings.Builder
	funcs  []string // bodies of functions, to be put behind the program
	labels int
	slot   int // the lowest byte of stack in use, from the top
	left   int // how many more statements there may be
	// What the place is in, so that most programs are right.
	locked, rcu, awake bool
}

// odd says now and then that something may be done where it should not.
func (g *typestateGen) odd() bool { return g.IntN(40) == 0 }

func (g *typestateGen) put(format string, args ...any) {
	fmt.Fprintf(&g.b, format, args...)
	g.b.WriteString("\n")
}

func (g *typestateGen) label() string {
	g.labels++
	return fmt.Sprintf("l%d", g.labels)
}

// room takes n bytes of stack.
func (g *typestateGen) room(n int) int {
	g.slot -= n
	return g.slot
}

// thing is something that is taken into a slot of the stack, and given back.
type thing struct {
	take, give string
	uses       []string // the pointer is in R1; those that begin with "!" give it away
}

var typestateThings = []thing{
	{"r1 = 1; kfunc bpf_task_from_pid", "kfunc bpf_task_release", []string{
		"r1 = *(u32 *)(r1 +0)", "r2 = 9; r3 = 1; r4 = 0; kfunc bpf_send_signal_task",
		"kfunc bpf_task_acquire; if r0 == 0 goto $; r1 = r0; kfunc bpf_task_release", "!r2 = r1; r1 = map_value[kptrs2]; call kptr_xchg; if r0 == 0 goto $; r1 = r0; kfunc bpf_task_release",
	}},
	{"r1 = 1; kfunc bpf_cgroup_from_id", "kfunc bpf_cgroup_release", []string{
		"r2 = 0; kfunc bpf_cgroup_ancestor; if r0 == 0 goto $; r1 = r0; kfunc bpf_cgroup_release", "r1 = *(u64 *)(r1 +0)",
	}},
	{"r1 = type(flat); r2 = 0; kfunc bpf_obj_new_impl", "r2 = 0; kfunc bpf_obj_drop_impl", []string{
		"*(u64 *)(r1 +0) = 1", "r1 = *(u32 *)(r1 +12)", "*(u64 *)(r1 +8) = 1", "!r2 = r1; r1 = map_value[kptrs1]+8; call kptr_xchg; if r0 == 0 goto $; r1 = r0; r2 = 0; kfunc bpf_obj_drop_impl",
	}},
	{"r1 = type(node); r2 = 0; kfunc bpf_obj_new_impl", "r2 = 0; kfunc bpf_obj_drop_impl", []string{
		"*(u64 *)(r1 +64) = 1", "r2 = 0; kfunc bpf_refcount_acquire_impl; r1 = r0; r2 = 0; kfunc bpf_obj_drop_impl",
		"!r8 = r1; r1 = map_value[nodes]; call spin_lock; r2 = r8; r2 += 32; r1 = map_value[nodes]+24; r3 = 0; r4 = 0; kfunc bpf_list_push_back_impl; *(u64 *)(r8 +64) = 1; r1 = map_value[nodes]; call spin_unlock",
		"!r8 = r1; r1 = map_value[nodes]; call spin_lock; r2 = r8; r1 = map_value[nodes]+8; r3 = func less; r4 = 0; r5 = 0; kfunc bpf_rbtree_add_impl; r1 = *(u64 *)(r8 +64); r1 = map_value[nodes]; call spin_unlock",
	}},
	{"r1 = map_value[kptrs1]; r2 = 0; call kptr_xchg", "kfunc bpf_task_release", []string{"r1 = *(u32 *)(r1 +0)"}},
	{"r1 = map[ring]; r2 = 16; r3 = 0; call ringbuf_reserve", "r2 = 0; call ringbuf_submit", []string{"*(u64 *)(r1 +8) = 1", "r1 = *(u64 *)(r1 +9)"}},
	{"r1 = map_value[nodes]; call spin_lock; r1 = map_value[nodes]+24; kfunc bpf_list_pop_front; r6 = r0; r1 = map_value[nodes]; call spin_unlock; r0 = r6", "r1 += -32; r2 = 0; kfunc bpf_obj_drop_impl", []string{"*(u64 *)(r1 +32) = 1"}},
}

// typestateStatements need nothing to be given back, or give it back themselves.
var typestateStatements = []string{
	"r6 = 5",
	"call get_prandom_u32; r6 = r0",
	"call get_current_task_btf; r1 = r0; kfunc bpf_task_acquire; if r0 == 0 goto $; r1 = r0; kfunc bpf_task_release",
	"r1 = map_value[kptrs1]; r7 = *(u64 *)(r1 +0)",
	"if r7 == 0 goto $; r1 = *(u32 *)(r7 +0)",
	"r1 = map_value[kptrs1]+8; r8 = *(u64 *)(r1 +0); if r8 == 0 goto $; r1 = *(u64 *)(r8 +0)",
	"if r8 == 0 goto $; *(u64 *)(r8 +0) = 1",
	"r1 = map_value[data]; r2 = *(u64 *)(r1 +8); r2 &= 7; r1 += r2; r9 = *(u64 *)(r1 +0)",
	"r1 = map_value[nodes]; call spin_lock; r1 = map_value[nodes]; call spin_unlock",
	"r1 = map_value[nodes]; call spin_lock; r1 = map_value[nodes]+24; kfunc bpf_list_front; r8 = r0; r1 = map_value[nodes]; call spin_unlock",
}

// rcuStatements are good within RCU sections, sleepStatements where the program may sleep, lockedStatements while the
// lock is held.
var (
	rcuStatements = []string{
		"r1 = map_value[kptrs1]; r7 = *(u64 *)(r1 +0); if r7 == 0 goto $; r1 = r7; kfunc bpf_task_acquire; if r0 == 0 goto $; r1 = r0; kfunc bpf_task_release",
		"if r7 == 0 goto $; r1 = r7; kfunc bpf_task_acquire; if r0 == 0 goto $; r1 = r0; kfunc bpf_task_release",
		"r1 = map_value[kptrs1]+8; r8 = *(u64 *)(r1 +0); if r8 == 0 goto $; *(u64 *)(r8 +0) = 1",
	}
	sleepStatements  = []string{"r1 = r10; r1 += -16; *(u64 *)(r10 -16) = 0; r2 = 8; r3 = 0; call copy_from_user"}
	lockedStatements = []string{
		"r6 = 5",
		"r1 = map_value[nodes]+8; kfunc bpf_rbtree_first; r8 = r0; if r0 == 0 goto $; r1 = *(u64 *)(r0 +64)",
		"if r8 == 0 goto $; r1 = *(u64 *)(r8 +64)",
		"r1 = map_value[nodes]+24; kfunc bpf_list_front; if r0 == 0 goto $; *(u64 *)(r0 +32) = 1",
		"r1 = map_value[nodes]+8; kfunc bpf_rbtree_root; if r0 == 0 goto $; r8 = r0; r1 = map_value[nodes]+8; r2 = r8; kfunc bpf_rbtree_left; r9 = r0",
		"r1 = map_value[data]; r2 = *(u64 *)(r1 +8); r2 &= 7; r1 += r2; r9 = *(u64 *)(r1 +0)",
		"r1 = map_value[kptrs1]; r7 = *(u64 *)(r1 +0); if r7 == 0 goto $; r1 = *(u32 *)(r7 +0)",
	}
)

// simple is a statement that fits the place.
func (g *typestateGen) simple() string {
	list := typestateStatements
	switch n := g.IntN(4); {
	case g.locked && !g.odd():
		list = lockedStatements
	case n == 0 && (g.rcu || !g.awake || g.odd()):
		list = rcuStatements
	case n == 1 && (g.awake || g.odd()):
		list = sleepStatements
	case g.IntN(60) == 0:
		return "call get_prandom_u32; if r0 != 3 goto $; r1 = 0; kfunc bpf_throw"
	}
	return list[g.IntN(len(list))]
}

// statement writes one statement, with what it begins and ends.
func (g *typestateGen) statement(depth int) {
	g.left--
	n := g.IntN(24)
	if (depth > 4 || g.locked && n != 9) && n < 14 && !g.odd() {
		n = 23
	}
	old := *g
	restore := func() { g.locked, g.rcu, g.awake = old.locked, old.rcu, old.awake }
	defer restore()
	end := g.label()
	around := func(before, after string) {
		g.put("%s", before)
		g.block(depth + 1)
		g.put("%s", after)
	}
	switch {
	case n == 4 && g.rcu && !g.odd(), n == 10 && !g.rcu && g.awake && !g.odd():
		n = 23
	case n == 4:
		g.rcu, g.awake = true, false
	case n == 5 || n == 6:
		g.awake = false
	case n == 7 || n == 8:
		g.locked, g.awake = true, false
	}
	switch n {
	case 0, 1, 2, 3:
		th := typestateThings[g.IntN(len(typestateThings))]
		off := g.room(8)
		g.put("%s; if r0 == 0 goto %s; *(u64 *)(r10 %d) = r0", th.take, end, off)
		g.block(depth + 1)
		given := false
		for range g.IntN(3) {
			skip := g.label()
			use, gives := strings.CutPrefix(th.uses[g.IntN(len(th.uses))], "!")
			g.put("r1 = *(u64 *)(r10 %d); %s", off, strings.ReplaceAll(use, "$", skip))
			g.put("%s: r1 = 0", skip)
			if given = given || gives; given && !g.odd() {
				break
			}
			g.block(depth + 1)
		}
		if !given || g.odd() {
			g.put("r1 = *(u64 *)(r10 %d); %s", off, th.give)
		}
	case 4:
		around("kfunc bpf_rcu_read_lock", "kfunc bpf_rcu_read_unlock")
	case 5:
		around("kfunc bpf_preempt_disable", "kfunc bpf_preempt_enable")
	case 6:
		off := g.room(8)
		around(fmt.Sprintf("r1 = r10; r1 += %d; kfunc bpf_local_irq_save", off), fmt.Sprintf("r1 = r10; r1 += %d; kfunc bpf_local_irq_restore", off))
	case 7:
		around("r1 = map_value[nodes]; call spin_lock", "r1 = map_value[nodes]; call spin_unlock")
	case 8:
		m := []string{"res1", "res2"}[g.IntN(2)]
		g.put("r1 = map_value[%s]; kfunc bpf_res_spin_lock; if r0 != 0 goto %s", m, end)
		around("r1 = 0", fmt.Sprintf("r1 = map_value[%s]; kfunc bpf_res_spin_unlock", m))
	case 9:
		off, next := g.room(8), g.label()
		g.put("r1 = r10; r1 += %d; r2 = 0; r3 = 4; kfunc bpf_iter_num_new", off)
		g.put("%s: r1 = r10; r1 += %d; kfunc bpf_iter_num_next; if r0 == 0 goto %sd", next, off, next)
		g.block(depth + 1)
		g.put("goto %s", next)
		g.put("%sd: r1 = r10; r1 += %d; kfunc bpf_iter_num_destroy", next, off)
	case 10:
		off, next := g.room(24), g.label()
		g.put("r1 = r10; r1 += %d; r2 = 0; r3 = 0; kfunc bpf_iter_task_new", off)
		g.put("%s: r1 = r10; r1 += %d; kfunc bpf_iter_task_next; r7 = r0; if r0 == 0 goto %sd", next, off, next)
		g.block(depth + 1)
		g.put("goto %s", next)
		g.put("%sd: r1 = r10; r1 += %d; kfunc bpf_iter_task_destroy", next, off)
	case 11:
		off := g.room(16)
		g.put("r1 = map[ring]; r2 = 16; r3 = 0; r4 = r10; r4 += %d; call ringbuf_reserve_dynptr", off)
		g.block(depth + 1)
		g.put("r1 = r10; r1 += %d; r2 = 0; r3 = 8; call dynptr_data; r9 = r0; if r0 == 0 goto %s; *(u64 *)(r0 +0) = 1", off, end+"x")
		g.block(depth + 1)
		g.put("%sx: r1 = r10; r1 += %d; r2 = 0; call ringbuf_submit_dynptr", end, off)
	case 12:
		name := g.function(depth, "r0 = 0; exit")
		g.put("r1 = %d; r2 = func %s; r3 = r10; r3 += -16; r4 = 0; call loop", 1+g.IntN(3), name)
	case 13:
		if g.IntN(2) == 0 {
			g.put("call %s", g.function(depth, "r0 = 7; exit"))
		} else {
			g.rcu, g.awake = false, false
			g.put("r1 = map_value[timer1]; r2 = func %s; call timer_set_callback", g.function(depth, "r0 = 0; exit"))
		}
	case 14, 15:
		g.put("call get_prandom_u32; if r0 == %d goto %s", g.IntN(3), end)
		g.block(depth + 1)
	default:
		g.put("%s", strings.ReplaceAll(g.simple(), "$", end))
	}
	g.put("%s: r1 = 0", end)
}

// function writes a function of its own and returns its name.
func (g *typestateGen) function(depth int, ret string) string {
	in := &typestateGen{Rand: g.Rand, labels: g.labels, slot: -16, left: min(g.left, 4), locked: g.locked, rcu: g.rcu, awake: g.awake}
	in.labels++
	name := fmt.Sprintf("f%d", in.labels)
	in.put("%s: r7 = 0; r8 = 0; r9 = 0", name)
	in.block(depth + 2)
	in.put("%s", ret)
	g.labels = in.labels
	g.left -= 4
	g.funcs = append(g.funcs, in.b.String())
	g.funcs = append(g.funcs, in.funcs...)
	return name
}

func (g *typestateGen) block(depth int) {
	for range g.IntN(3) {
		if g.left > 0 && g.slot > -400 {
			g.statement(depth)
		}
	}
}

// typestateProgram is the statements of a generated program, each on its line.
func typestateProgram(r *rand.Rand, sleepable bool) []string {
	g := &typestateGen{Rand: r, slot: -16, left: 4 + r.IntN(12), awake: sleepable}
	g.put("*(u64 *)(r10 -16) = 0; *(u64 *)(r10 -8) = 0; r6 = 0; r7 = 0; r8 = 0; r9 = 0")
	for g.left > 0 {
		g.statement(0)
	}
	text := g.b.String() + "\nr0 = 0; exit\n" + strings.Join(g.funcs, "")
	if strings.Contains(text, "func less") {
		text += "\nless: r0 = 0; exit"
	}
	var lines []string
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ';' }) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// mutated changes some statements: leaves them out, doubles them, exchanges or moves them.
func mutated(r *rand.Rand, lines []string) []string {
	out := append([]string(nil), lines...)
	plain := func() int {
		for range 100 {
			if i := r.IntN(len(out)); !strings.Contains(out[i], ":") && out[i] != "exit" {
				return i
			}
		}
		return 0
	}
	for range 1 + r.IntN(2) {
		i, j := plain(), plain()
		switch r.IntN(5) {
		case 0, 1:
			out[i] = "r1 = r1"
			if r.IntN(2) == 0 {
				out[i] = "r5 = 1"
			}
		case 2:
			out[i] = out[j]
		case 3:
			out[i], out[j] = out[j], out[i]
		case 4:
			if i+1 < len(out) && !strings.Contains(out[i+1], ":") && out[i+1] != "exit" {
				out[i], out[i+1] = out[i+1], out[i]
			}
		}
	}
	return out
}

// TestTypestateCampaign compares the verdicts on generated programs with the live kernel's. Nothing may be accepted
// that the kernel refuses. What it accepts may be refused where the tables say why.
func TestTypestateCampaign(t *testing.T) {
	f := newTypestateFixture(t)
	if !f.live {
		t.Skip("no live kernel")
	}
	f.whys = map[string]int{}
	kinds := []string{"", "syscall"}
	same := map[bool]int{}
	refusals, reasons := 0, map[string]int{}
	start := time.Now()
	for n := range *typestatePrograms {
		r := rand.New(rand.NewPCG(*typestateSeed, uint64(n)))
		c := &typestate{in: kinds[r.IntN(2)]}
		lines := typestateProgram(r, c.in == "syscall")
		if r.IntN(3) > 0 {
			lines = mutated(r, lines)
		}
		accepted, err := f.compare(c, lines)
		if err == nil {
			same[accepted]++
			continue
		}
		if accepted && stricterHere(err.Error()) {
			refusals++
			continue
		}
		small := f.shrink(c, lines, accepted)
		_, err = f.compare(c, small)
		reasons[fmt.Sprint(err)]++
		t.Errorf("program %d (%q): %v\n\t%s", n, c.in, err, strings.Join(small, "\n\t"))
		if len(reasons) > 8 || time.Since(start) > 8*time.Minute {
			break
		}
	}
	for why, n := range f.whys {
		t.Logf("%d refused for %s", n, why)
	}
	t.Logf("%d accepted and %d refused by both, %d refused here for reasons that the tables give", same[true], same[false], refusals)
}

// compare verifies a program here and in the kernel; the error says that they differ. It reports whether the kernel
// accepts it.
func (f *typestateFixture) compare(c *typestate, lines []string) (accepted bool, err error) {
	c.text = strings.Join(lines, "\n") + "\n// out:"
	s, err := f.spec(c)
	if err != nil {
		return false, nil // no program
	}
	v, err := f.judge(s)
	if err != nil {
		return false, nil // it takes the kernel too long
	}
	if !v.Accepted {
		f.whys[regexp.MustCompile(`\d+`).ReplaceAllString(v.LastLine, "N")]++
	}
	_, err = verifier.Verify(s, verifier.Options{})
	switch {
	case v.Accepted && err != nil:
		return true, fmt.Errorf("refused, the kernel accepts it: %w", err)
	case !v.Accepted && strings.Contains(v.LastLine, "No program to jit"): // it is not for what the program does
	case !v.Accepted && err == nil:
		return false, fmt.Errorf("ACCEPTED, the kernel says %s", v.LastLine)
	}
	return v.Accepted, nil
}

// shrink leaves statements out as long as the verdicts differ in the same way.
func (f *typestateFixture) shrink(c *typestate, lines []string, accepted bool) []string {
	for size := len(lines) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(lines); {
			less := append(append([]string(nil), lines[:i]...), lines[i+size:]...)
			if a, err := f.compare(c, less); err != nil && a == accepted {
				lines = less
			} else {
				i += size
			}
		}
	}
	return lines
}

// stricterHere reports whether a refusal is one of those that are meant to be stricter than the kernel's, or for want
// of the kernel's types.
func stricterHere(err string) bool {
	for _, s := range []string{
		"of a dynptr that bpf_ringbuf_submit_dynptr",
		// The kernel does not compare what iterators are good for, so it may take one that is no more for one that is.
		"good only within the RCU section",
		"kernel's struct bpf_map", "of struct task_struct: no member",
		// The kernel does not look for NULL there.
		"or NULL: it has to be a bpf_rb_node of an object in the tree",
		// A helper that calls back makes the kernel blind for a loop around it that comes back with nothing changed.
		"the loop does not end",
	} {
		if strings.Contains(err, s) {
			return true
		}
	}
	return false
}
