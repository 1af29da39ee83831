-- Geometry on the sphere for values that differ from row to row: what outside queries (vo.adql) call ty name.
--
-- A shape is an array in ICRS degrees as DALI 1.1 section 3.3.7 serializes it, and its length tells its kind: 2 a point,
-- 3 a circle, 6 or more a polygon. Edges are arcs of great circles; the inside of a polygon is its smaller side, and
-- what lies on an edge is inside. All functions give NULL for a NULL, and for what is no shape at all.

CREATE SCHEMA IF NOT EXISTS sky;

CREATE OR REPLACE FUNCTION sky.shape(region text) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
-- The shape of a footprint as s_region holds it: POINT, POSITION, CIRCLE or POLYGON, with ICRS or nothing as its frame.
DECLARE
    kind text;
    numbers float8[];
BEGIN
    IF region !~* '^\s*(point|position|circle|polygon)(\s+icrs)?(\s+[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?)+\s*$' THEN
        RETURN NULL;
    END IF;
    kind := lower(substring(region FROM '[a-zA-Z]+'));
    numbers := regexp_split_to_array(btrim(regexp_replace(region, '^\s*[a-zA-Z]+(\s+[iI][cC][rR][sS])?', ''), E' \t\n\r'), '\s+')::float8[];
    IF (CASE kind WHEN 'circle' THEN cardinality(numbers) = 3 AND numbers[3] BETWEEN 0 AND 180
                 WHEN 'polygon' THEN cardinality(numbers) >= 6 AND cardinality(numbers) % 2 = 0
                 ELSE cardinality(numbers) = 2 END) THEN
        RETURN numbers;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sky.vectors(shape float8[]) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
-- x1, y1, z1, x2, ... of the unit vectors to the vertices of a polygon, without repeated ones.
DECLARE
    result float8[] := '{}';
    n int := 0;
    x float8; y float8; z float8;
BEGIN
    FOR i IN 1 .. cardinality(shape) / 2 LOOP
        x := cosd(shape[2 * i]) * cosd(shape[2 * i - 1]);
        y := cosd(shape[2 * i]) * sind(shape[2 * i - 1]);
        z := sind(shape[2 * i]);
        IF n = 0 OR (x - result[n - 2]) ^ 2 + (y - result[n - 1]) ^ 2 + (z - result[n]) ^ 2 > 1e-24 THEN
            result := result || ARRAY[x, y, z];
            n := n + 3;
        END IF;
    END LOOP;
    IF n > 9 AND (result[1] - result[n - 2]) ^ 2 + (result[2] - result[n - 1]) ^ 2 + (result[3] - result[n]) ^ 2 <= 1e-24 THEN
        result := result[1 : n - 3];
        n := n - 3;
    END IF;
    RETURN CASE WHEN n >= 9 THEN result END;
END $$;

CREATE OR REPLACE FUNCTION sky.gap(x float8, y float8, z float8, v float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
-- Degrees from a place to the outline of a polygon, negative inside. The place is inside if the bearings of the vertices
-- turn once around it; the opposite place sees the same turn, and lies in the other hemisphere than the vertices.
DECLARE
    n int := cardinality(v);
    nearest float8 := 4;
    turn float8 := 0;
    middle float8 := 0;
    fx float8; fy float8; fz float8; tx float8; ty float8; tz float8;
    nx float8; ny float8; nz float8; size float8; height float8; a float8; b float8;
BEGIN
    fx := v[n - 2]; fy := v[n - 1]; fz := v[n];
    FOR i IN 1 .. n BY 3 LOOP
        tx := v[i]; ty := v[i + 1]; tz := v[i + 2];
        a := fx * x + fy * y + fz * z;
        b := tx * x + ty * y + tz * z;
        middle := middle + b;
        nx := fy * tz - fz * ty; ny := fz * tx - fx * tz; nz := fx * ty - fy * tx;
        height := nx * x + ny * y + nz * z;
        turn := turn + atan2(height, fx * tx + fy * ty + fz * tz - a * b);
        size := sqrt(nx * nx + ny * ny + nz * nz);
        -- The nearest point of the edge is the foot of the perpendicular if that falls between its ends.
        IF size > 0 AND (ny * fz - nz * fy) * x + (nz * fx - nx * fz) * y + (nx * fy - ny * fx) * z >= 0
                AND (ty * nz - tz * ny) * x + (tz * nx - tx * nz) * y + (tx * ny - ty * nx) * z >= 0 THEN
            nearest := least(nearest, asin(least(1, abs(height) / size)));
        ELSE
            nearest := least(nearest, 2 * asin(least(1, sqrt((tx - x) ^ 2 + (ty - y) ^ 2 + (tz - z) ^ 2) / 2)),
                             2 * asin(least(1, sqrt((fx - x) ^ 2 + (fy - y) ^ 2 + (fz - z) ^ 2) / 2)));
        END IF;
        fx := tx; fy := ty; fz := tz;
    END LOOP;
    IF nearest < 1e-14 THEN
        RETURN 0;
    END IF;
    RETURN degrees(CASE WHEN abs(turn) > pi() AND middle > 0 THEN -nearest ELSE nearest END);
END $$;

CREATE OR REPLACE FUNCTION sky.separation(lon1 float8, lat1 float8, lon2 float8, lat2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT degrees(2 * asin(least(1, sqrt(
    (cosd(lat1) * cosd(lon1) - cosd(lat2) * cosd(lon2)) ^ 2 + (cosd(lat1) * sind(lon1) - cosd(lat2) * sind(lon2)) ^ 2
    + (sind(lat1) - sind(lat2)) ^ 2) / 2)))
$$;

CREATE OR REPLACE FUNCTION sky.edges_cross(v float8[], w float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
-- Whether an edge of one polygon properly crosses an edge of the other.
DECLARE
    n int := cardinality(v);
    m int := cardinality(w);
    p int := cardinality(v) - 2;
    q int;
    nx float8; ny float8; nz float8; mx float8; my float8; mz float8;
    c float8; d float8; a float8; b float8;
BEGIN
    FOR i IN 1 .. n BY 3 LOOP
        nx := v[p + 1] * v[i + 2] - v[p + 2] * v[i + 1];
        ny := v[p + 2] * v[i] - v[p] * v[i + 2];
        nz := v[p] * v[i + 1] - v[p + 1] * v[i];
        q := m - 2;
        c := nx * w[q] + ny * w[q + 1] + nz * w[q + 2];
        FOR j IN 1 .. m BY 3 LOOP
            d := nx * w[j] + ny * w[j + 1] + nz * w[j + 2];
            IF (c > 1e-15 AND d < -1e-15) OR (c < -1e-15 AND d > 1e-15) THEN
                mx := w[q + 1] * w[j + 2] - w[q + 2] * w[j + 1];
                my := w[q + 2] * w[j] - w[q] * w[j + 2];
                mz := w[q] * w[j + 1] - w[q + 1] * w[j];
                a := mx * v[p] + my * v[p + 1] + mz * v[p + 2];
                b := mx * v[i] + my * v[i + 1] + mz * v[i + 2];
                -- Opposite signs in both pairs, and of such a sense that the arcs meet and not their antipodes.
                IF ((a > 1e-15 AND b < -1e-15) OR (a < -1e-15 AND b > 1e-15)) AND (c > 0) = (b > 0) THEN
                    RETURN TRUE;
                END IF;
            END IF;
            c := d; q := j;
        END LOOP;
        p := i;
    END LOOP;
    RETURN FALSE;
END $$;

CREATE OR REPLACE FUNCTION sky.reach(shape float8[], v float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- Degrees from a circle's centre, or a point, to a polygon's outline; negative inside.
SELECT sky.gap(cosd(shape[2]) * cosd(shape[1]), cosd(shape[2]) * sind(shape[1]), sind(shape[2]), v)
$$;

CREATE OR REPLACE FUNCTION sky.intersects(one float8[], two float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000 AS $$
-- Whether two shapes have a place in common.
DECLARE
    other float8[];
    v float8[];
    w float8[];
BEGIN
    IF cardinality(one) > cardinality(two) THEN
        other := one; one := two; two := other;
    END IF;
    IF cardinality(two) <= 3 THEN
        RETURN sky.separation(one[1], one[2], two[1], two[2]) <= coalesce(one[3], 0) + coalesce(two[3], 0);
    END IF;
    w := sky.vectors(two);
    IF cardinality(one) <= 3 THEN
        RETURN sky.reach(one, w) <= coalesce(one[3], 0);
    END IF;
    v := sky.vectors(one);
    FOR i IN 1 .. cardinality(v) BY 3 LOOP
        IF sky.gap(v[i], v[i + 1], v[i + 2], w) <= 0 THEN
            RETURN TRUE;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(w) BY 3 LOOP
        IF sky.gap(w[i], w[i + 1], w[i + 2], v) <= 0 THEN
            RETURN TRUE;
        END IF;
    END LOOP;
    RETURN sky.edges_cross(v, w);
END $$;

CREATE OR REPLACE FUNCTION sky.contains(inner_shape float8[], outer_shape float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000 AS $$
-- Whether the first shape lies wholly in the second.
DECLARE
    v float8[];
    w float8[];
BEGIN
    IF cardinality(outer_shape) <= 3 THEN
        IF cardinality(inner_shape) <= 3 THEN
            RETURN coalesce(outer_shape[3], 0) >= 180 OR
                sky.separation(inner_shape[1], inner_shape[2], outer_shape[1], outer_shape[2]) + coalesce(inner_shape[3], 0)
                <= coalesce(outer_shape[3], 0);
        END IF;
        v := sky.vectors(inner_shape);
        IF coalesce(outer_shape[3], 0) > 90 THEN
            -- What the circle leaves out is itself a circle, around the opposite place.
            RETURN sky.reach(ARRAY[outer_shape[1] + 180, -outer_shape[2]], v) >= 180 - outer_shape[3];
        END IF;
        RETURN (SELECT bool_and(sky.separation(inner_shape[i], inner_shape[i + 1], outer_shape[1], outer_shape[2]) <= coalesce(outer_shape[3], 0))
                FROM generate_series(1, cardinality(inner_shape), 2) AS i);
    END IF;
    w := sky.vectors(outer_shape);
    IF cardinality(inner_shape) <= 3 THEN
        RETURN sky.reach(inner_shape, w) <= -coalesce(inner_shape[3], 0);
    END IF;
    v := sky.vectors(inner_shape);
    FOR i IN 1 .. cardinality(v) BY 3 LOOP
        IF sky.gap(v[i], v[i + 1], v[i + 2], w) > 0 THEN
            RETURN FALSE;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(w) BY 3 LOOP
        IF sky.gap(w[i], w[i + 1], w[i + 2], v) < -1e-12 THEN
            RETURN FALSE;
        END IF;
    END LOOP;
    RETURN NOT sky.edges_cross(v, w);
END $$;

CREATE OR REPLACE FUNCTION sky.moment(v float8[]) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
-- x, y, z of the integral of the unit vector over a polygon: half the sum of (arc length x unit normal) of its edges
-- (Brock 1975, J. Appl. Mech. 42, 239); then its solid angle, ty the triangles from its first vertex (Eriksson 1990,
-- Math. Mag. 63, 184).
DECLARE
    n int := cardinality(v);
    p int := cardinality(v) - 2;
    x float8 := 0; y float8 := 0; z float8 := 0; area float8 := 0; middle float8 := 0;
    nx float8; ny float8; nz float8; size float8; arc float8; along float8;
BEGIN
    FOR i IN 1 .. n BY 3 LOOP
        nx := v[p + 1] * v[i + 2] - v[p + 2] * v[i + 1];
        ny := v[p + 2] * v[i] - v[p] * v[i + 2];
        nz := v[p] * v[i + 1] - v[p + 1] * v[i];
        size := sqrt(nx * nx + ny * ny + nz * nz);
        along := v[p] * v[i] + v[p + 1] * v[i + 1] + v[p + 2] * v[i + 2];
        IF size > 0 THEN
            arc := atan2(size, along) / size / 2;
            x := x + arc * nx; y := y + arc * ny; z := z + arc * nz;
        END IF;
        area := area + 2 * atan2(nx * v[1] + ny * v[2] + nz * v[3],
            1 + along + (v[1] * v[i] + v[2] * v[i + 1] + v[3] * v[i + 2]) + (v[1] * v[p] + v[2] * v[p + 1] + v[3] * v[p + 2]));
        p := i;
    END LOOP;
    FOR i IN 1 .. n BY 3 LOOP
        middle := middle + x * v[i] + y * v[i + 1] + z * v[i + 2];
    END LOOP;
    IF middle < 0 THEN
        x := -x; y := -y; z := -z;
    END IF;
    RETURN ARRAY[x, y, z, abs(area)];
END $$;

CREATE OR REPLACE FUNCTION sky.area(shape float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Square degrees.
SELECT CASE WHEN cardinality(shape) = 2 THEN 0
            WHEN cardinality(shape) = 3 THEN 4 * pi() * power(sind(shape[3] / 2) * 180 / pi(), 2)
            ELSE degrees(degrees((sky.moment(sky.vectors(shape)))[4])) END
$$;

CREATE OR REPLACE FUNCTION sky.centroid(shape float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE WHEN cardinality(shape) <= 3 THEN shape[1:2] ELSE (
    SELECT ARRAY[mod((degrees(atan2(m[2], m[1])) + 360)::numeric, 360)::float8, degrees(atan2(m[3], sqrt(m[1] ^ 2 + m[2] ^ 2)))]
    FROM sky.moment(sky.vectors(shape)) AS m WHERE m IS NOT NULL) END
$$;

CREATE OR REPLACE FUNCTION sky.box(lon float8, lat float8, width float8, height float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The polygon of a BOX (ADQL 2.1 section 4.2.2): in the gnomonic plane around its centre the sides are straight.
SELECT CASE WHEN width > 0 AND width < 180 AND height > 0 AND height < 180 THEN (
    SELECT array_agg(part ORDER BY n, place) FROM (
        SELECT n, mod((degrees(atan2(y, x)) + 360)::numeric, 360)::float8 AS a, degrees(atan2(z, sqrt(x * x + y * y))) AS d FROM (
            SELECT n, cosd(lat) * cosd(lon) - e * sind(lon) - f * sind(lat) * cosd(lon) AS x,
                   cosd(lat) * sind(lon) + e * cosd(lon) - f * sind(lat) * sind(lon) AS y, sind(lat) + f * cosd(lat) AS z
            FROM (VALUES (1, -1, -1), (2, 1, -1), (3, 1, 1), (4, -1, 1)) AS c(n, right_of, above),
                 LATERAL (SELECT right_of * tand(width / 2) AS e, above * tand(height / 2) AS f) AS t) AS corner) AS place,
        LATERAL (VALUES (1, a), (2, d)) AS value(place, part)) END
$$;

CREATE OR REPLACE FUNCTION sky.spread(bits bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The bits of a number below 2^29 at the even places.
BEGIN
    bits := (bits | (bits << 16)) & 281470681808895;
    bits := (bits | (bits << 8)) & 71777214294589695;
    bits := (bits | (bits << 4)) & 1085102592571150095;
    bits := (bits | (bits << 2)) & 3689348814741910323;
    RETURN (bits | (bits << 1)) & 6148914691236517205;
END $$;

CREATE OR REPLACE FUNCTION sky.gather(bits bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    bits := bits & 6148914691236517205;
    bits := (bits | (bits >> 1)) & 3689348814741910323;
    bits := (bits | (bits >> 2)) & 1085102592571150095;
    bits := (bits | (bits >> 4)) & 71777214294589695;
    bits := (bits | (bits >> 8)) & 281470681808895;
    RETURN (bits | (bits >> 16)) & 4294967295;
END $$;

CREATE OR REPLACE FUNCTION sky.cell(level int, lon float8, lat float8) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
-- NESTED number of the HEALPix cell at a place; the same arithmetic as archive/healpix.py (Gorski et al. 2005, ApJ 622,
-- 759, section 4).
DECLARE
    nside bigint := 1::bigint << level;
    quarter float8;
    up float8; high bigint; low bigint; column_up bigint; column_down bigint;
    sector int; width float8; along float8; rising bigint; falling bigint;
    face bigint; x bigint; y bigint;
BEGIN
    IF NOT (lon > '-Infinity' AND lon < 'Infinity' AND lat BETWEEN -90 AND 90 AND level BETWEEN 0 AND 29) THEN
        RETURN NULL;
    END IF;
    quarter := (lon - 360 * floor(lon / 360)) / 90;
    IF quarter >= 4 THEN
        quarter := 0;
    END IF;
    IF abs(sin(radians(lat))) <= 2.0 / 3.0 THEN
        up := nside * sin(radians(lat)) * 0.75;
        high := floor(nside * (0.5 + quarter) - up);
        low := floor(nside * (0.5 + quarter) + up);
        column_up := high >> level; column_down := low >> level;
        face := CASE WHEN column_up = column_down THEN (column_up & 3) + 4
                     WHEN column_up < column_down THEN column_up & 3 ELSE (column_down & 3) + 8 END;
        x := low & (nside - 1);
        y := nside - (high & (nside - 1)) - 1;
    ELSE
        sector := least(3, floor(quarter)::int);
        along := quarter - sector;
        width := nside * sqrt(6.0::float8) * abs(sin(radians(90 - abs(lat)) / 2));
        rising := least(nside - 1, floor(along * width)::bigint);
        falling := least(nside - 1, floor((1 - along) * width)::bigint);
        IF lat >= 0 THEN
            face := sector; x := nside - falling - 1; y := nside - rising - 1;
        ELSE
            face := sector + 8; x := rising; y := falling;
        END IF;
    END IF;
    RETURN (face << (2 * level)) + sky.spread(x) + (sky.spread(y) << 1);
END $$;

CREATE OR REPLACE FUNCTION sky.cell_center(level int, cell bigint) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
-- Longitude and latitude of the centre of a NESTED cell, as archive/healpix.py computes them.
DECLARE
    nside bigint;
    face bigint; x bigint; y bigint; ring bigint; capped bigint; lon float8; lat float8;
BEGIN
    IF level NOT BETWEEN 0 AND 29 OR cell < 0 OR cell >= (12::bigint << (2 * level)) THEN
        RETURN NULL;
    END IF;
    nside := 1::bigint << level;
    face := cell >> (2 * level);
    x := sky.gather(cell & (nside * nside - 1));
    y := sky.gather((cell & (nside * nside - 1)) >> 1);
    ring := ((2 + face / 4) << level) - x - y - 1;
    capped := least(ring, 4 * nside - ring);
    lon := ((ARRAY[1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])[face + 1]::float8 * least(capped, nside) + x - y) / 2;
    lon := lon * 90 / least(capped, nside);
    lon := lon - 360 * floor(lon / 360);
    IF capped < nside THEN
        lat := 90 - degrees(2 * asin(capped / (nside * sqrt(6.0::float8))));
        lat := CASE WHEN ring < nside THEN lat ELSE -lat END;
    ELSE
        lat := degrees(asin((2 * nside - ring) * 2 / (3.0::float8 * nside)));
    END IF;
    RETURN ARRAY[lon, lat];
END $$;

CREATE OR REPLACE FUNCTION sky.cells_around(level int, lon float8, lat float8, radius float8) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 3000 AS $$
-- The cells that hold a circle, for a level at which a cell is at least eight radii wide: those of its centre and of 16
-- places three radii around it. A cell that reaches into the circle is so wide that it holds one of them.
DECLARE
    cells bigint[] := ARRAY[sky.cell(level, lon, lat)];
    cell bigint;
    x float8 := cosd(lat) * cosd(lon); y float8 := cosd(lat) * sind(lon); z float8 := sind(lat);
    away float8 := tand(3 * radius);
    e float8; f float8; px float8; py float8; pz float8;
BEGIN
    IF cells[1] IS NULL THEN
        RETURN '{}';
    END IF;
    FOR i IN 0 .. 15 LOOP
        e := away * cosd(i * 22.5); f := away * sind(i * 22.5);
        px := x - e * sind(lon) - f * z * cosd(lon);
        py := y + e * cosd(lon) - f * z * sind(lon);
        pz := z + f * cosd(lat);
        cell := sky.cell(level, degrees(atan2(py, px)), degrees(atan2(pz, sqrt(px * px + py * py))));
        IF cell <> ALL (cells) THEN
            cells := cells || cell;
        END IF;
    END LOOP;
    RETURN cells;
END $$;

CREATE OR REPLACE FUNCTION sky.epoch_prop(
    ra float8, "dec" float8, parallax float8, pmra float8, pmdec float8, rv float8, ref_epoch float8, out_epoch float8)
RETURNS float8[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100 AS $$
-- Uniform motion through space (ESA SP-1200 section 1.5.5): degrees, mas, mas/yr (the first with cos dec), km/s, Julian
-- years. Without a parallax the radial velocity has no effect, and is handed on as it is.
DECLARE
    t float8 := out_epoch - ref_epoch;
    a float8 := radians(ra); d float8 := radians("dec");
    mas float8 := pi() / 648000000;
    au_km_yr_s float8 := 4.740470463533349;
    radial float8 := CASE WHEN parallax > 0 THEN coalesce(rv, 0) * parallax / au_km_yr_s * mas ELSE 0 END;
    east float8 := coalesce(pmra, 0) * mas; north float8 := coalesce(pmdec, 0) * mas;
    x float8; y float8; z float8; mx float8; my float8; mz float8; m2 float8; f float8;
    ux float8; uy float8; uz float8; vx float8; vy float8; vz float8; h float8; speed float8;
BEGIN
    IF ra IS NULL OR "dec" IS NULL OR t IS NULL THEN
        RETURN NULL;
    END IF;
    x := cos(d) * cos(a); y := cos(d) * sin(a); z := sin(d);
    mx := -sin(a) * east - sin(d) * cos(a) * north;
    my := cos(a) * east - sin(d) * sin(a) * north;
    mz := cos(d) * north;
    m2 := mx * mx + my * my + mz * mz;
    -- f is the distance now over the distance then.
    f := 1 / sqrt(1 + 2 * radial * t + (m2 + radial * radial) * t * t);
    ux := (x * (1 + radial * t) + mx * t) * f;
    uy := (y * (1 + radial * t) + my * t) * f;
    uz := (z * (1 + radial * t) + mz * t) * f;
    vx := (mx * (1 + radial * t) - x * m2 * t) * f ^ 3;
    vy := (my * (1 + radial * t) - y * m2 * t) * f ^ 3;
    vz := (mz * (1 + radial * t) - z * m2 * t) * f ^ 3;
    speed := (radial + (m2 + radial * radial) * t) * f * f;
    h := sqrt(ux * ux + uy * uy);
    a := CASE WHEN h > 0 THEN atan2(uy, ux) ELSE a END;
    RETURN ARRAY[
        degrees(a) - 360 * floor(degrees(a) / 360), degrees(atan2(uz, h)), parallax * f,
        CASE WHEN pmra IS NOT NULL THEN (-sin(a) * vx + cos(a) * vy) / mas END,
        CASE WHEN pmdec IS NOT NULL THEN (h * vz - uz * (cos(a) * vx + sin(a) * vy)) / mas END,
        CASE WHEN parallax > 0 AND rv IS NOT NULL THEN speed / mas * au_km_yr_s / (parallax * f) ELSE rv END];
END $$;

CREATE OR REPLACE FUNCTION sky.histogram(numbers float8[], low float8, high float8, bins int) RETURNS int[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
-- Counts below the first bin, in each bin, and from the end of the last one on.
SELECT array_agg(coalesce(n, 0)::int ORDER BY bin) FROM generate_series(0, bins + 1) AS bin
LEFT JOIN (SELECT width_bucket(v, low, high, bins) AS bin, count(*) AS n FROM unnest(numbers) AS v WHERE v = v GROUP BY 1) AS c USING (bin)
$$;

CREATE OR REPLACE FUNCTION sky.rotate(shape float8[], from_galactic boolean) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
-- A shape with ICRS numbers for one with Galactic ones, or the other way round. Pole and node of IAU 1958 as fixed in
-- Hipparcos, ESA SP-1200 section 1.5.3.
DECLARE
    sin_pole float8 := sind(27.12825); cos_pole float8 := cosd(27.12825);
    a float8; lon float8; lat float8;
BEGIN
    FOR i IN 1 .. cardinality(shape) / 2 LOOP
        lat := shape[2 * i];
        IF from_galactic THEN
            a := shape[2 * i - 1] - 32.93192;
            lon := 192.85948 + degrees(atan2(cosd(lat) * cosd(a), sind(lat) * cos_pole - cosd(lat) * sin_pole * sind(a)));
            lat := degrees(asin(greatest(-1, least(1, sind(lat) * sin_pole + cosd(lat) * cos_pole * sind(a)))));
        ELSE
            a := shape[2 * i - 1] - 192.85948;
            lon := 32.93192 + degrees(atan2(sind(lat) * cos_pole - cosd(lat) * sin_pole * cosd(a), cosd(lat) * sind(a)));
            lat := degrees(asin(greatest(-1, least(1, sind(lat) * sin_pole + cosd(lat) * cos_pole * cosd(a)))));
        END IF;
        shape[2 * i - 1] := lon - 360 * floor(lon / 360);
        shape[2 * i] := lat;
    END LOOP;
    RETURN shape;
END $$;
