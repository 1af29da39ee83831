"""Pages described for search engines: schema.org Dataset and DataCatalog as JSON-LD. Pure: facts in, a document out."""

import json
from collections.abc import Sequence

from archive.models import Product, ProductFile, Release, Source
from archive.times import utc_iso_from_mjd_tt

Json = dict[str, object]

MISSION = "INTEGRAL, the International Gamma-Ray Astrophysics Laboratory (2002 to 2025)"
KEYWORDS = ["INTEGRAL", "gamma-ray astronomy", "X-ray astronomy", "space mission archive"]
SIMULATED = "SIMULATED data, not measured by INTEGRAL. "
_ORGANISATION: Json = {"@type": "Organization", "name": "Archipelago, legacy archive of INTEGRAL"}


def catalog(url: str, release: Release | None) -> Json:
    """Describe the whole archive."""
    return {
        "@context": "https://schema.org/",
        "@type": "DataCatalog",
        "name": "Archipelago, legacy archive of INTEGRAL",
        "description": f"Observations, catalogues, sky maps and products of {MISSION}.",
        "url": f"{url}/",
        "keywords": KEYWORDS,
        "isAccessibleForFree": True,
        **({"version": release.name, "dateModified": release.published_at.date().isoformat()} if release else {}),
    }


def product_dataset(
    product: Product, files: Sequence[ProductFile], did: str, url: str, release: Release | None
) -> Json:
    """Describe a product with its files; sizes in bytes, digests as `sha256`."""
    page = f"{url}/products/{product.product_id}"
    name = f"{product.title}{' (simulated)' if product.simulated else ''}"
    band = ""
    if product.energy_min_kev is not None and product.energy_max_kev is not None:
        band = f", {product.energy_min_kev:g} to {product.energy_max_kev:g} keV"
    kind = product.kind.replace("_", " ").title()  # not the label: programs read this in English
    text = f"{kind} of INTEGRAL {product.instrument}{band}"
    about = f" of {product.target_name}" if product.target_name else ""
    return {
        **_dataset(name, f"{SIMULATED if product.simulated else ''}{text}{about}, from {MISSION}.", page, url, release),
        "identifier": did,
        "measurementTechnique": product.instrument,
        **_span(product.tstart_mjd_tt, product.tstop_mjd_tt),
        "distribution": [
            {
                "@type": "DataDownload",
                "name": file.file_name,
                "contentUrl": f"{page}/files/{file.file_name}".replace(" ", "%20"),
                "encodingFormat": file.media_type,
                "contentSize": f"{file.size_bytes} B",
                "sha256": file.sha256,
            }
            for file in files
        ],
    }


def source_dataset(source: Source, url: str, release: Release | None) -> Json:
    """Describe what the archive holds of a source."""
    name = f"INTEGRAL data of {source.name}{' (simulated)' if source.simulated else ''}"
    text = (
        f"{SIMULATED if source.simulated else ''}Light curves, spectra, catalogue entries and upper limits of "
        f"{source.name} (RA {source.ra:.4f}, Dec {source.dec:.4f} degrees, ICRS) from {MISSION}."
    )
    return {
        **_dataset(name, text, f"{url}/sources/{source.source_id}", url, release),
        "identifier": source.source_id,
        "about": {"@type": "Thing", "name": source.name},
    }


def release_dataset(release: Release, url: str) -> Json:
    """Describe a release as a whole."""
    text = f"Release {release.name} of the legacy archive of {MISSION}: {release.description}"
    return {
        **_dataset(f"Archipelago release {release.name}", text, f"{url}/releases/{release.name}", url, release),
        "datePublished": release.published_at.date().isoformat(),
        "distribution": [
            {
                "@type": "DataDownload",
                "name": "List of all files",
                "contentUrl": f"{url}/releases/{release.name}/files.csv",
                "encodingFormat": "text/csv",
            }
        ],
    }


def _dataset(name: str, text: str, page: str, url: str, release: Release | None) -> Json:
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": name,
        "description": text,
        "url": page,
        "keywords": KEYWORDS,
        "isAccessibleForFree": True,
        "creator": {"@type": "Organization", "name": "INTEGRAL instrument teams"},
        "publisher": _ORGANISATION,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": _ORGANISATION["name"], "url": f"{url}/"},
        **({"version": release.name} if release else {}),
    }


def _span(start: float | None, stop: float | None) -> Json:
    if start is None or stop is None:
        return {}
    return {"temporalCoverage": f"{utc_iso_from_mjd_tt(start)}Z/{utc_iso_from_mjd_tt(stop)}Z"}


def write_json(document: Json) -> str:
    r"""Return JSON that cannot end the element it stands in, whatever the texts are.

    Examples
    --------
    >>> write_json({"name": "</script>"})
    '{"name": "\\u003c/script\\u003e"}'
    """
    text = json.dumps(document)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
