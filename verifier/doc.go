// Package verifier proves that a program is safe before it may run, with the rules of
// the Linux verifier: every path is walked with what is known of each register and stack
// slot, and a program that could touch memory it does not own, read what nothing
// has written, leak a reference or run for ever is refused with an [Error] that says
// where and why.
//
// What the walk found out comes back as a [Proof]: facts for each instruction, true of
// every path, on which engines may build. Only this package makes proofs.
//
//	proof, err := verifier.Verify(&verifier.Spec{Name: "filter", Type: progtype.XDP, Insns: insns}, verifier.Options{})
//	var ve *verifier.Error
//	if errors.As(err, &ve) {
//		fmt.Printf("%+v\n", ve) // the report, with C lines where the object has them
//	}
package verifier
