// Unseals a SealedSecret as the controller of Sealed Secrets does, and prints the Secret that it would make.
//
// Its argument is a file with {"privateKey": PEM, "sealedSecret": object}.
package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/bitnami/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

func main() {
	if err := unseal(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func unseal() error {
	var input struct {
		PrivateKey   string                `json:"privateKey"`
		SealedSecret v1alpha1.SealedSecret `json:"sealedSecret"`
	}
	if len(os.Args) != 2 {
		return fmt.Errorf("want the path of a file")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &input); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(input.PrivateKey))
	if block == nil {
		return fmt.Errorf("no PEM key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	keys := map[string]*rsa.PrivateKey{"test": key.(*rsa.PrivateKey)}
	secret, err := input.SealedSecret.Unseal(serializer.NewCodecFactory(runtime.NewScheme()), keys)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(secret)
}
