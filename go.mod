module parley.example/parley

go 1.26
