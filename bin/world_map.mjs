// Makes priv/static/world.svg, the outlines of countries on the page at /live:
//
//     npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
//     node bin/world_map.mjs package/countries-110m.json > priv/static/world.svg
//
// The outlines are Natural Earth's at 1:110 m (naturalearthdata.com, public domain), which the npm
// package world-atlas has as TopoJSON: arcs of differences between whole numbers, each border once.
import { readFileSync } from "node:fs";

// Units of the picture in a degree, and how far a line may be from the outline it stands for, in units.
const scale = 10;
const tolerance = 1.2;

const topology = JSON.parse(readFileSync(process.argv[2]));
const { scale: [sx, sy], translate: [tx, ty] } = topology.transform;

// Longitude to the right, latitude upwards.
const points = (arc) => {
  let x = 0, y = 0;
  return arc.map(([dx, dy]) => [(x += dx) * sx + tx, (y += dy) * sy + ty].map((degrees, i) => degrees * scale * (i ? -1 : 1)));
};

// Douglas and Peucker: the point furthest from the line between the ends stays, if it is far enough.
const simplify = (line) => {
  if (line.length < 3) return line;
  const [[ax, ay], [bx, by]] = [line[0], line.at(-1)];
  const length = Math.hypot(bx - ax, by - ay);
  const away = ([x, y]) =>
    length === 0 ? Math.hypot(x - ax, y - ay) : Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length;
  let furthest = 0;
  line.forEach((point, i) => { if (away(point) > away(line[furthest])) furthest = i; });
  if (furthest === 0 || away(line[furthest]) <= tolerance) return [line[0], line.at(-1)];
  return [...simplify(line.slice(0, furthest + 1)), ...simplify(line.slice(furthest)).slice(1)];
};

// Simplified once an arc, so that neighbours still meet.
const arcs = topology.arcs.map((arc) => simplify(points(arc)).map((point) => point.map(Math.round)));
const ring = (parts) =>
  parts.flatMap((i) => (i < 0 ? [...arcs[~i]].reverse() : arcs[i]).slice(0, -1));

// The atlas has no seam at 180 degrees. A ring that crosses it goes on beyond the edge of the picture, and is
// drawn again on the other side; one around the pole is closed along it.
const world = 360 * scale;
const unfolded = (ring) => {
  let shift = 0;
  const line = ring.map(([x, y], i) => {
    const step = i === 0 ? 0 : x - ring[i - 1][0];
    if (Math.abs(step) > world / 2) shift -= Math.sign(step) * world;
    return [x + shift, y];
  });
  const [first, last] = [line[0], line.at(-1)];
  if (Math.abs(first[0] - last[0]) > world / 2) {
    const pole = Math.sign(first[1]) * 90 * scale;
    const end = first[0] + Math.sign(last[0] - first[0]) * world;
    line.push([end, first[1]], [end, pole], [first[0], pole]);
  }
  return line;
};
const shifted = (line, by) => line.map(([x, y]) => [x + by, y]);
const copies = (line) => {
  const xs = line.map(([x]) => x);
  return [0, world, -world].map((by) => shifted(line, by))
    .filter((_, i) => i === 0 || (i === 1 ? Math.min(...xs) < -world / 2 : Math.max(...xs) > world / 2));
};

const path = (ring) => {
  let [x, y] = ring[0];
  let text = `M${x} ${y}`;
  for (const [nx, ny] of ring.slice(1)) {
    if (nx !== x || ny !== y) text += `l${nx - x} ${ny - y}`.replace(" -", "-");
    [x, y] = [nx, ny];
  }
  return text + "z";
};

const polygons = topology.objects.countries.geometries.flatMap(({ type, arcs }) => (type === "Polygon" ? [arcs] : arcs));
const outlines = polygons.flat().map(ring).filter((ring) => ring.length > 2).map(unfolded).flatMap(copies).map(path).join("");

console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-180 * scale} ${-90 * scale} ${360 * scale} ${180 * scale}">
<!-- Natural Earth (public domain), by way of world-atlas. Made by bin/world_map.mjs. -->
<path fill="#8a939c" fill-opacity=".25" stroke="#8a939c" stroke-opacity=".7" stroke-width="4" d="${outlines}"/>
</svg>`);
