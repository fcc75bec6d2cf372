// Renders the workload of the benchmark with text/template: the way of the tools that Keelson replaces.
//
// usage: template TEMPLATES N pipeline|object OUT
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/template"
)

type document struct{ name, body *template.Template }

type pipeline struct{ I int }

func main() {
	if len(os.Args) != 5 {
		fail(fmt.Errorf("usage: template TEMPLATES N pipeline|object OUT"))
	}
	templates, layout, out := os.Args[1], os.Args[3], os.Args[4]
	n, err := strconv.Atoi(os.Args[2])
	check(err)

	shared := parse(filepath.Join(templates, "platform"))
	perPipeline := parse(filepath.Join(templates, "platform-per-pipeline"))
	own := parse(filepath.Join(templates, "pipeline"))

	platform := folder(out, "platform", layout)
	platform.add(shared, pipeline{})
	for i := 0; i < n; i++ {
		platform.add(perPipeline, pipeline{i})
		files := folder(out, "p-"+strconv.Itoa(i), layout)
		files.add(own, pipeline{i})
		files.close()
	}
	platform.close()
}

// parse reads the templates of a directory: of NNN.yaml the body, of NNN.name the name of its file.
func parse(dir string) []document {
	bodies, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	check(err)
	documents := make([]document, 0, len(bodies))
	for _, body := range bodies {
		name := body[:len(body)-len("yaml")] + "name"
		documents = append(documents, document{
			name: template.Must(template.ParseFiles(name)),
			body: template.Must(template.ParseFiles(body)),
		})
	}
	return documents
}

// output writes documents into one file, or each into a file of its own in a folder.
type output struct {
	path   string
	single bool
	count  int
	buffer bytes.Buffer
	name   bytes.Buffer
}

func folder(out, name, layout string) *output {
	o := &output{path: filepath.Join(out, name), single: layout == "pipeline"}
	if o.single {
		check(os.MkdirAll(out, 0o777))
	} else {
		check(os.MkdirAll(o.path, 0o777))
	}
	return o
}

func (o *output) add(documents []document, values pipeline) {
	for _, document := range documents {
		if o.single {
			if o.count > 0 {
				o.buffer.WriteString("---\n")
			}
			check(document.body.Execute(&o.buffer, values))
		} else {
			o.name.Reset()
			check(document.name.Execute(&o.name, values))
			o.buffer.Reset()
			check(document.body.Execute(&o.buffer, values))
			check(os.WriteFile(filepath.Join(o.path, o.name.String()), o.buffer.Bytes(), 0o666))
		}
		o.count++
	}
}

func (o *output) close() {
	if o.single {
		check(os.WriteFile(o.path+".yaml", o.buffer.Bytes(), 0o666))
	}
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
