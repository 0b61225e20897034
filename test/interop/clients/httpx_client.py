"""httpx, with a client that keeps its connections."""

import sys
from urllib.parse import quote, urlsplit

import httpx

url, name = sys.argv[1:3]
origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
api = url.rstrip("/") + "/api/v1/databases"
passed = 0
client = httpx.Client(timeout=60)


def check(what, found, expected):
    global passed
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")
    passed += 1


def point(id, lon=1, lat=2, **properties):
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "id": id, "geometry": geometry, "properties": properties}


answer = client.post(api, json={"name": name})
check("create", answer.status_code, 201)
db = origin + answer.headers["location"]
collection = {"type": "FeatureCollection", "features": [point(f"f{n}", n, n) for n in range(80)]}
check("collection", client.post(f"{db}/features", json=collection).json()["inserted"], 80)
points = {"series_id": "s", "timestamps": list(range(1000)), "values": list(range(1000))}
check("points", client.post(f"{db}/timeseries", json=points).json()["inserted"], 1000)

seen, params = [], {"bbox": "0,0,49.5,49.5", "limit": 20}
answer = client.get(f"{db}/features", params=params)
while True:
    seen += [feature["id"] for feature in answer.json()["features"]]
    # Of the Link header, as httpx reads it.
    if "next" not in answer.links:
        break
    answer = client.get(origin + answer.links["next"]["url"])
check("pages", (len(seen), len(set(seen))), (50, 50))

answer = client.get(f"{db}/features/f1")
known = {"If-None-Match": answer.headers["etag"]}
check("known", client.get(f"{db}/features/f1", headers=known).status_code, 304)
answer = client.put(f"{db}/features/f1", json=point("f1", mag=1))
match = {"If-Match": '"%s"' % answer.json()["hash"]}
check("if match", client.put(f"{db}/features/f1", json=point("f1"), headers=match).status_code, 200)
check("no match", client.put(f"{db}/features/f1", json=point("f1"), headers=match).status_code, 412)
check("patch", client.patch(f"{db}/features/f1", json={"properties": {"a": 1}}).status_code, 200)

for id in ["a/b", "100%", "%2F", "a b+c?d#e", "ü😀"]:
    answer = client.post(f"{db}/features", json=point(id))
    check(f"id {id}", answer.json().get("feature_id"), id)
    check(f"id {id}", client.get(origin + answer.headers["location"]).json()["id"], id)
    path = f"{db}/features/{quote(id, safe='')}"
    check(f"id {id}", client.delete(path).status_code, 200)

head = client.head(f"{db}/features/f2")
check("head", (head.status_code, head.content), (200, b""))
large = point("large", text="x" * 3_000_000)
check("large", client.put(f"{db}/features/large", json=large).status_code, 201)
text = client.get(f"{db}/features/large").json()["properties"]["text"]
check("large", len(text), 3_000_000)

for _ in range(50):
    check("again", client.get(f"{db}/timeseries/s/latest").json()["value"], 999.0)

opened = [client.post(f"{db}/transactions") for _ in range(3)]
check("transactions", [answer.status_code for answer in opened], [201, 201, 503])
check("again later", opened[2].headers["retry-after"], "1")
check("delete", client.delete(f"{db}/features/f3").status_code, 200)
check("remove", client.delete(db, params={"purge": "true"}).status_code, 200)

try:
    status = client.post(f"{db}/features", json=point("huge", text="x" * 9_000_000)).status_code
except (httpx.WriteError, httpx.ReadError):
    status = 413
check("too large", status, 413)
print(f"{passed} passed, 0 failed")
