package bench

import (
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// shades is what a picture looks like.
type shades struct {
	colours int
	paper   float64 // brightness of the corner, 0 to 1
}

// screenshot lets a browser draw a page.
func screenshot(t *testing.T, browser, dir, file string, flags ...string) shades {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	out := filepath.Join(dir, "page.png")
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(dir, "profile"), "--screenshot=" + out, "--window-size=1100,2400"}, flags...)
	cmd := exec.CommandContext(ctx, browser, append(args, "file://"+file)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%s does not run here: %v: %s", browser, err, text)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	r, g, b, _ := img.At(2, 2).RGBA()
	return shades{len(colours), float64(r+g+b) / 3 / 0xffff}
}
