"""Python's http.client: one connection, reused for everything that lets it."""

import http.client
import json
import sys
from urllib.parse import quote, urlsplit

url, name = sys.argv[1:3]
origin = urlsplit(url)
api = origin.path.rstrip("/") + "/api/v1/databases"
passed = 0
connection = http.client.HTTPConnection(origin.hostname, origin.port, timeout=60)
sockets = set()


def call(method, path, body=None, headers={}):
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    headers = {"Content-Type": "application/json", **headers} if body else headers
    connection.request(method, path, body, headers)
    sockets.add(connection.sock.getsockname())
    answer = connection.getresponse()
    data = answer.read()
    kind = answer.getheader("Content-Type", "")
    parsed = json.loads(data) if data and "json" in kind else data
    return answer.status, answer, parsed


def check(what, found, expected):
    global passed
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")
    passed += 1


def point(id, lon=1, lat=2, **properties):
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "id": id, "geometry": geometry, "properties": properties}


status, answer, _ = call("POST", api, {"name": name})
check("create", status, 201)
check("its location", answer.getheader("Location"), f"{api}/{name}")
db = f"{api}/{name}"

collection = {"type": "FeatureCollection", "features": [point(f"f{n}", n, n) for n in range(80)]}
status, _, body = call("POST", f"{db}/features", collection)
check("collection", (status, body["inserted"]), (201, 80))
points = {"points": [{"series_id": "s", "timestamp": n, "value": n} for n in range(1000)]}
check("points", call("POST", f"{db}/timeseries", points)[2]["inserted"], 1000)

# Pages of a box.
seen, path = [], f"{db}/features?bbox=0,0,49.5,49.5&limit=20"
while path:
    status, answer, body = call("GET", path)
    seen += [feature["id"] for feature in body["features"]]
    path = body["links"][0]["href"] if body["links"] else None
check("pages", (len(seen), len(set(seen))), (50, 50))

status, answer, _ = call("GET", f"{db}/features/f1")
tag = answer.getheader("ETag")
check("known", call("GET", f"{db}/features/f1", headers={"If-None-Match": tag})[0], 304)
status, _, body = call("PUT", f"{db}/features/f1", point("f1", mag=1))
check("new version", status, 200)
strong = f'"{body["hash"]}"'
check("no longer known", call("GET", f"{db}/features/f1", headers={"If-None-Match": tag})[0], 200)
match = {"If-Match": strong}
check("if match", call("PUT", f"{db}/features/f1", point("f1", mag=2), match)[0], 200)
check("no match", call("PUT", f"{db}/features/f1", point("f1", mag=3), match)[0], 412)
fresh = {"If-None-Match": "*"}
check("is there", call("PUT", f"{db}/features/f1", point("f1"), fresh)[0], 412)

for id in ["a/b", "100%", "%2F", "a b+c?d#e", "ü😀", "a//b", "../x"]:
    status, answer, body = call("POST", f"{db}/features", point(id))
    check(f"id {id}", (status, body["feature_id"]), (201, id))
    check(f"id {id}", call("GET", answer.getheader("Location"))[2].get("id"), id)
    check(f"id {id}", call("GET", f"{db}/features/{quote(id, safe='')}")[2].get("id"), id)
    check(f"id {id}", call("DELETE", answer.getheader("Location"))[0], 200)
    check(f"id {id}", call("GET", answer.getheader("Location"))[0], 404)
check("dots", call("POST", f"{db}/features", point(".."))[2]["code"], "invalid_id")

status, answer, body = call("HEAD", f"{db}/features/f2")
check("head", (status, body), (200, b""))
large = point("large", text="x" * 3_000_000)
check("large", call("PUT", f"{db}/features/large", large)[0], 201)
check("large", len(call("GET", f"{db}/features/large")[2]["properties"]["text"]), 3_000_000)
check("one connection", len(sockets), 1)

# As an iterator it is sent in chunks.
chunks = iter([b'{"type":"Feature","id":"chunks",', b'"geometry":null,"properties":{}}'])
connection.request("POST", f"{db}/features", chunks, {"Content-Type": "application/json"})
answer = connection.getresponse()
check("chunks", json.loads(answer.read())["feature_id"], "chunks")

opened = [call("POST", f"{db}/transactions") for _ in range(3)]
check("transactions", [status for status, _, _ in opened], [201, 201, 503])
check("again later", opened[2][1].getheader("Retry-After"), "1")

check("delete points", call("DELETE", f"{db}/timeseries/s?start=1970-01-01")[2]["deleted"], 1000)
check("remove", call("DELETE", f"{db}?purge=true")[0], 200)

# 413 is the answer, or the connection has broken under what nobody reads.
try:
    status = call("POST", f"{db}/features", point("huge", text="x" * 9_000_000))[0]
except (BrokenPipeError, ConnectionResetError):
    status = 413
check("too large", status, 413)
connection.close()
print(f"{passed} passed, 0 failed")
