module keelson.dev/bench/template

go 1.22
