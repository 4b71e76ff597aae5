package athena

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A glueShim is a Glue that keeps databases and tables as they were written.
// The product's Glue client writes them, Trino's reads them: the definitions
// exist once.
type glueShim struct {
	mu        sync.Mutex
	databases map[string]map[string]any
	tables    map[string]map[string]map[string]any
}

func newGlue() *glueShim {
	return &glueShim{databases: map[string]map[string]any{}, tables: map[string]map[string]map[string]any{}}
}

// listen serves the shim where Trino expects its Glue.
func (g *glueShim) listen(t testing.TB, addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: g}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}

func awsError(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message, "message": message})
}

func (g *glueShim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var in struct {
		Name, DatabaseName string
		DatabaseInput      map[string]any
		TableInput         map[string]any
	}
	json.NewDecoder(r.Body).Decode(&in)
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		json.NewEncoder(w).Encode(v)
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch op {
	case "GetDatabases":
		list := []any{}
		for _, d := range g.databases {
			list = append(list, d)
		}
		answer(map[string]any{"DatabaseList": list})
	case "GetDatabase":
		if d := g.databases[in.Name]; d != nil {
			answer(map[string]any{"Database": d})
			return
		}
		awsError(w, "EntityNotFoundException", "Database "+in.Name+" not found.")
	case "CreateDatabase":
		name := in.DatabaseInput["Name"].(string)
		if g.databases[name] != nil {
			awsError(w, "AlreadyExistsException", "Database already exists.")
			return
		}
		g.databases[name], g.tables[name] = in.DatabaseInput, map[string]map[string]any{}
		answer(struct{}{})
	case "GetTables":
		list := []any{}
		for _, t := range g.tables[in.DatabaseName] {
			list = append(list, t)
		}
		answer(map[string]any{"TableList": list})
	case "GetTable":
		if t := g.tables[in.DatabaseName][in.Name]; t != nil {
			answer(map[string]any{"Table": t})
			return
		}
		awsError(w, "EntityNotFoundException", "Entity Not Found")
	case "CreateTable":
		name := in.TableInput["Name"].(string)
		if g.tables[in.DatabaseName][name] != nil {
			awsError(w, "AlreadyExistsException", "Table already exists.")
			return
		}
		in.TableInput["DatabaseName"] = in.DatabaseName
		g.tables[in.DatabaseName][name] = in.TableInput
		answer(struct{}{})
	case "UpdateTable":
		in.TableInput["DatabaseName"] = in.DatabaseName
		g.tables[in.DatabaseName][in.TableInput["Name"].(string)] = in.TableInput
		answer(struct{}{})
	case "GetColumnStatisticsForTable":
		answer(map[string]any{"ColumnStatisticsList": []any{}, "Errors": []any{}})
	case "GetUserDefinedFunctions":
		answer(map[string]any{"UserDefinedFunctions": []any{}})
	default:
		awsError(w, "InvalidInputException", "the shim has no "+op)
	}
}
