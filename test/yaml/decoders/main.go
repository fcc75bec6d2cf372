// Command decoders reads YAML back with the decoders that Kubernetes tools use and reports what came back changed.
//
// Standard input is a sequence of frames: a stream of YAML documents, then a JSON array with one expected value for
// each document, each preceded by its length in bytes (uint32, big endian). Standard output has one JSON object a
// line: differences, of which only the first few are printed, and last a summary.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	yamlv3 "go.yaml.in/yaml/v3"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const maxPrinted = 20

// A decoder reads a whole stream; it is not asked about frames that it does not accept.
type decoder struct {
	name    string
	accepts func(expected []any) bool
	decode  func(stream []byte) ([]any, error)
}

var decoders = []decoder{
	{"sigs.k8s.io/yaml", isSingle, decodeSigs},
	{"go.yaml.in/yaml/v3", always, decodeV3},
	{"k8s.io/apimachinery", areObjects, decodeKubectl},
}

type difference struct {
	Frame   int    `json:"frame"`
	Decoder string `json:"decoder"`
	Detail  string `json:"detail"`
}

type tally struct {
	Frames  int `json:"frames"`
	Changed int `json:"changed"`
	Errors  int `json:"errors"`
}

func main() {
	log.SetFlags(0)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	tallies := map[string]*tally{}
	for _, d := range decoders {
		tallies[d.name] = &tally{}
	}
	printed := 0
	for frame := 0; ; frame++ {
		stream, expected, err := readFrame(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatalf("frame %d: %v", frame, err)
		}
		for _, d := range decoders {
			if !d.accepts(expected) {
				continue
			}
			detail := check(d, stream, expected, tallies[d.name])
			if detail != "" && printed < maxPrinted {
				printed++
				must(out.Encode(difference{frame, d.name, detail}))
			}
		}
	}
	must(out.Encode(map[string]any{"decoders": tallies}))
}

// check returns how what the decoder reads differs from what is expected, or nothing.
func check(d decoder, stream []byte, expected []any, t *tally) string {
	t.Frames++
	got, err := d.decode(stream)
	if err != nil {
		t.Errors++
		return err.Error()
	}
	detail := compare("", expected, got)
	if detail != "" {
		t.Changed++
	}
	return detail
}

func readFrame(in io.Reader) (stream []byte, expected []any, err error) {
	if stream, err = readPart(in); err != nil {
		return nil, nil, err
	}
	text, err := readPart(in)
	if err != nil {
		return nil, nil, fmt.Errorf("no expected values: %w", err)
	}
	err = json.Unmarshal(text, &expected)
	return stream, expected, err
}

func readPart(in io.Reader) ([]byte, error) {
	var size uint32
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	part := make([]byte, size)
	_, err := io.ReadFull(in, part)
	return part, err
}

func always([]any) bool { return true }

// sigs.k8s.io/yaml reads one document and ignores those that follow.
func isSingle(expected []any) bool { return len(expected) == 1 }

// kubectl reads objects only.
func areObjects(expected []any) bool {
	for _, value := range expected {
		if _, ok := value.(map[string]any); !ok {
			return false
		}
	}
	return true
}

func decodeSigs(stream []byte) ([]any, error) {
	var value any
	err := sigsyaml.Unmarshal(stream, &value)
	return []any{value}, err
}

func decodeV3(stream []byte) ([]any, error) {
	d := yamlv3.NewDecoder(bytes.NewReader(stream))
	return readAll(func() (any, error) {
		var value any
		err := d.Decode(&value)
		return value, err
	})
}

func decodeKubectl(stream []byte) ([]any, error) {
	d := k8syaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	return readAll(func() (any, error) {
		var value map[string]any
		err := d.Decode(&value)
		return value, err
	})
}

func readAll(next func() (any, error)) ([]any, error) {
	var values []any
	for {
		value, err := next()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
}

// compare names the first place where two values differ. Numbers are compared as float64, the only kind JSON has.
func compare(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(got) != len(want) {
			break
		}
		for key, value := range want {
			child, ok := got[key]
			if !ok {
				return fmt.Sprintf("%s: key %q is missing from %.200v", path, key, got)
			}
			if detail := compare(path+"/"+key, value, child); detail != "" {
				return detail
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		for i, value := range want {
			if detail := compare(path+"/"+strconv.Itoa(i), value, got[i]); detail != "" {
				return detail
			}
		}
		return ""
	case float64:
		if number, ok := toFloat(got); ok && number == want {
			return ""
		}
	default:
		// Strings, booleans and null; a map or slice here is never equal to them, and == on it would panic.
		switch got.(type) {
		case string, bool, nil:
			if got == want {
				return ""
			}
		}
	}
	return fmt.Sprintf("%s: want %.200q, got %T %.200q", path, fmt.Sprint(want), got, fmt.Sprint(got))
}

func toFloat(value any) (float64, bool) {
	switch value := value.(type) {
	case int:
		return float64(value), true
	case int64:
		return float64(value), true
	case uint64:
		return float64(value), true
	case float64:
		return value, true
	}
	return 0, false
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
