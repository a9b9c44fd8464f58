//go:build !linux

package helpers_test

import "errors"

func kernelAvailable() error { return errors.New("not Linux") }

func (s *script) runInKernel() (*outcome, error) { return nil, kernelAvailable() }
