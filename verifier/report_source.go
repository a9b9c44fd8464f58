package verifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lineOf is the line of C that instruction pc belongs to, nil where none is known.
func (s *Spec) lineOf(pc int) *Line {
	var at *Line
	for i := range s.Lines {
		if s.Lines[i].Insn > pc {
			break
		}
		at = &s.Lines[i]
	}
	if at == nil {
		return nil
	}
	// A function without lines of its own does not belong to the one before it.
	if f := s.funcOf(pc); f != nil && f.Insn > at.Insn {
		return nil
	}
	return at
}

// funcOf is the function that instruction pc is in, nil where none is known.
func (s *Spec) funcOf(pc int) *Func {
	var at *Func
	for i := range s.Funcs {
		if s.Funcs[i].Insn > pc {
			break
		}
		at = &s.Funcs[i]
	}
	return at
}

// String is "file.c:12: text".
func (l *Line) String() string {
	s := fmt.Sprintf("%s:%d", strings.TrimPrefix(l.File, "./"), l.Num)
	if t := strings.TrimSpace(l.Text); t != "" {
		s += ": " + t
	}
	return s
}

// lineText is the line of C of an instruction as errors name it, "" where none is known.
func (s *Spec) lineText(pc int) string {
	if l := s.lineOf(pc); l != nil {
		return l.String()
	}
	return ""
}

// place names an instruction for people: "insn 6 (null.c:21)".
func (s *Spec) place(pc int) string {
	if l := s.lineOf(pc); l != nil {
		return fmt.Sprintf("insn %d (%s:%d)", pc, strings.TrimPrefix(l.File, "./"), l.Num)
	}
	return fmt.Sprintf("insn %d", pc)
}

// The lines of C that a report shows around the one at fault.
const (
	linesBefore = 4
	linesAfter  = 2
	linesApart  = 6 // a line further off than this from its neighbour is not shown
)

// source is the lines of C around an instruction, as far as the object has them: those that
// instructions of the same function come from. The line at fault is marked.
func (s *Spec) source(pc int) []string {
	at := s.lineOf(pc)
	if at == nil || at.Text == "" {
		return nil
	}
	text := map[int]string{}
	var nums []int
	f := s.funcOf(pc)
	for i := range s.Lines {
		l := &s.Lines[i]
		if l.File != at.File || l.Text == "" || s.funcOf(l.Insn) != f {
			continue
		}
		if _, seen := text[l.Num]; !seen {
			nums = append(nums, l.Num)
		}
		text[l.Num] = l.Text
	}
	slices.Sort(nums)
	here, _ := slices.BinarySearch(nums, at.Num)
	lo, hi := here, here
	for lo > 0 && here-lo < linesBefore && nums[lo]-nums[lo-1] <= linesApart {
		lo--
	}
	for hi < len(nums)-1 && hi-here < linesAfter && nums[hi+1]-nums[hi] <= linesApart {
		hi++
	}
	nums = nums[lo : hi+1]
	width := len(fmt.Sprint(nums[len(nums)-1]))
	head := strings.TrimPrefix(at.File, "./")
	if f != nil && f.Name != "" {
		head += ", " + f.Name
	}
	out := []string{head + ":"}
	for _, n := range nums {
		mark := "|"
		if n == at.Num {
			mark = ">"
		}
		out = append(out, fmt.Sprintf("  %*d %s %s", width, n, mark, expandTabs(text[n])))
	}
	return out
}

// expandTabs puts blanks in place of tabs, up to multiples of 4.
func expandTabs(s string) string {
	var b strings.Builder
	col := 0
	for _, r := range strings.TrimRight(s, " \t\r\n") {
		if r != '\t' {
			b.WriteRune(r)
			col++
			continue
		}
		for {
			b.WriteByte(' ')
			if col++; col%4 == 0 {
				break
			}
		}
	}
	return b.String()
}

// assignment finds "name = ... what" in a line of C: what a variable is set to.
var assignment = regexp.MustCompile(`(?:^|[\s(*&,;])([A-Za-z_]\w*(?:(?:->|\.)\w+)*)\s*=\s*([^=;].*)`)

// variable is the name of the C variable that instruction pc sets, if its line shows that it
// is set to something in which what occurs; "" otherwise.
func (s *Spec) variable(pc int, what string) string {
	l := s.lineOf(pc)
	if l == nil || what == "" {
		return ""
	}
	text := l.Text
	for {
		m := assignment.FindStringSubmatchIndex(text)
		if m == nil {
			return ""
		}
		name, value := text[m[2]:m[3]], text[m[4]:m[5]]
		// Of "a = f(x), b = g(y)" the value ends at the next assignment.
		own := value
		if next := assignment.FindStringIndex(" " + value); next != nil {
			own = value[:max(next[0]-1, 0)]
		}
		if containsWord(own, what) {
			return name
		}
		text = value
	}
}

// containsWord reports whether word occurs in s as a whole identifier.
func containsWord(s, word string) bool {
	for i := 0; ; {
		j := strings.Index(s[i:], word)
		if j < 0 {
			return false
		}
		j += i
		end := j + len(word)
		if (j == 0 || !isWordByte(s[j-1])) && (end == len(s) || !isWordByte(s[end])) {
			return true
		}
		i = j + 1
	}
}

// member is a context field as the line of C of instruction pc writes it, "skb->len"; with ctx for the
// context if the line does not have it.
func (s *Spec) member(pc int, field string) string {
	base, rest, _ := strings.Cut(field, "[")
	if l := s.lineOf(pc); l != nil {
		for i := 0; ; {
			j := strings.Index(l.Text[i:], "->"+base)
			if j < 0 {
				break
			}
			j += i
			end := j + 2 + len(base)
			name := l.Text[:j]
			k := len(name)
			for k > 0 && isWordByte(name[k-1]) {
				k--
			}
			if k < len(name) && (end == len(l.Text) || !isWordByte(l.Text[end])) {
				field = name[k:] + "->" + base
				if rest != "" {
					field += "[" + rest
				}
				return field
			}
			i = end
		}
	}
	return "ctx->" + field
}

// isWordByte reports whether c may be part of a C identifier.
func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
