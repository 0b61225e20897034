// Go's net/http with its default client.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"reflect"
	"strings"
)

var passed, reused int

func fail(text string, values ...any) {
	fmt.Fprintf(os.Stderr, text+"\n", values...)
	os.Exit(1)
}

func check(what string, found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		fail("%s: found %v, expected %v", what, found, expected)
	}
	passed++
}

type object = map[string]any

func point(id string, n float64, text string) object {
	return object{
		"type": "Feature", "id": id, "properties": object{"text": text},
		"geometry": object{"type": "Point", "coordinates": []float64{n, n}},
	}
}

type answer struct {
	status  int
	headers http.Header
	body    object
	text    []byte
}

func try(method, target string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			fail("%v", err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, target, reader)
	if err != nil {
		fail("%v", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused++
		}
	}}
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	found := answer{status: response.StatusCode, headers: response.Header, text: text}
	if strings.Contains(response.Header.Get("Content-Type"), "json") && len(text) > 0 {
		if err := json.Unmarshal(text, &found.body); err != nil {
			fail("%s %s: %v in %s", method, target, err, text)
		}
	}
	return found, nil
}

func call(method, target string, body any, headers ...string) answer {
	found, err := try(method, target, body, headers...)
	if err != nil {
		fail("%s %s: %v", method, target, err)
	}
	return found
}

func main() {
	base, name := os.Args[1], os.Args[2]
	parsed, err := url.Parse(base)
	if err != nil {
		fail("%v", err)
	}
	origin := parsed.Scheme + "://" + parsed.Host

	found := call("POST", strings.TrimRight(base, "/")+"/api/v1/databases", object{"name": name})
	check("create", found.status, 201)
	db := origin + found.headers.Get("Location")

	var features []object
	for n := 0; n < 80; n++ {
		features = append(features, point(fmt.Sprint("f", n), float64(n), ""))
	}
	found = call("POST", db+"/features", object{"type": "FeatureCollection", "features": features})
	check("collection", found.body["inserted"], 80.0)
	var points []object
	for n := 0; n < 1000; n++ {
		points = append(points, object{"series_id": "s", "timestamp": n, "value": n})
	}
	check("points", call("POST", db+"/timeseries", object{"points": points}).body["inserted"], 1000.0)

	seen := map[string]bool{}
	for next := db + "/features?bbox=0,0,49.5,49.5&limit=20"; next != ""; {
		found = call("GET", next, nil)
		for _, feature := range found.body["features"].([]any) {
			seen[feature.(object)["id"].(string)] = true
		}
		next = ""
		for _, link := range found.body["links"].([]any) {
			next = origin + link.(object)["href"].(string)
		}
	}
	check("pages", len(seen), 50)

	tag := call("GET", db+"/features/f1", nil).headers.Get("ETag")
	check("known", call("GET", db+"/features/f1", nil, "If-None-Match", tag).status, 304)
	strong := fmt.Sprintf("%q", call("PUT", db+"/features/f1", point("f1", 1, "a")).body["hash"])
	check("if match", call("PUT", db+"/features/f1", point("f1", 1, "b"), "If-Match", strong).status, 200)
	check("no match", call("PUT", db+"/features/f1", point("f1", 1, "c"), "If-Match", strong).status, 412)

	for _, id := range []string{"a/b", "100%", "%2F", "a b+c?d#e", "ü😀"} {
		found = call("POST", db+"/features", point(id, 1, ""))
		check("id "+id, found.body["feature_id"], id)
		check("id "+id, call("GET", origin+found.headers.Get("Location"), nil).body["id"], id)
		check("id "+id, call("DELETE", db+"/features/"+url.PathEscape(id), nil).status, 200)
	}

	found = call("HEAD", db+"/features/f2", nil)
	check("head", found.status, 200)
	check("head", len(found.text), 0)
	large := strings.Repeat("x", 3_000_000)
	check("large", call("PUT", db+"/features/large", point("large", 1, large)).status, 201)
	properties := call("GET", db+"/features/large", nil).body["properties"].(object)
	check("large", len(properties["text"].(string)), len(large))

	reused = 0
	for n := 0; n < 50; n++ {
		check("again", call("GET", db+"/timeseries/s/latest", nil).body["value"], 999.0)
	}
	check("connections reused", reused, 50)

	statuses := []int{}
	for n := 0; n < 3; n++ {
		found = call("POST", db+"/transactions", nil)
		statuses = append(statuses, found.status)
	}
	check("transactions", statuses, []int{201, 201, 503})
	check("again later", found.headers.Get("Retry-After"), "1")
	check("remove", call("DELETE", db+"?purge=true", nil).status, 200)

	// 413 is the answer, or the connection has broken under what nobody reads.
	huge, err := try("POST", db+"/features", point("huge", 1, strings.Repeat("x", 9_000_000)))
	if err == nil {
		check("too large", huge.status, 413)
	}
	// Asking for leave first, there is an answer in any case.
	http.DefaultClient.CloseIdleConnections()
	huge = call("POST", db+"/features", point("huge", 1, strings.Repeat("x", 9_000_000)), "Expect", "100-continue")
	check("too large", huge.status, 413)
	fmt.Printf("%d passed, 0 failed\n", passed)
}
