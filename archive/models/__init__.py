"""Models of the archive, one module per aggregate."""

from archive.models.account import ApiToken, Watch
from archive.models.catalogue import (
    Catalogue,
    CatalogueRelease,
    GrbCatalogueEntry,
    IbisCatalogueEntry,
    JemxCatalogueEntry,
    OmcCatalogueEntry,
    ReferenceCatalogueEntry,
    SpiCatalogueEntry,
)
from archive.models.delivery import AuditEntry, SignOff, Submission, Withdrawal
from archive.models.job import Job
from archive.models.mission import EnergyBand, Instrument, Revolution
from archive.models.observation import Observation, Proposal, ScienceWindow
from archive.models.product import Product, ProductFile, StoredFile
from archive.models.release import CurrentRelease, Delivery, Release, Released
from archive.models.saved_query import SavedQuery
from archive.models.search import FacetCube
from archive.models.source import Source, SourceName
from archive.models.usage import Feedback, UsageCount
from archive.models.user_table import UserTable

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Catalogue",
    "CatalogueRelease",
    "CurrentRelease",
    "Delivery",
    "EnergyBand",
    "FacetCube",
    "Feedback",
    "GrbCatalogueEntry",
    "IbisCatalogueEntry",
    "Instrument",
    "JemxCatalogueEntry",
    "Job",
    "Observation",
    "OmcCatalogueEntry",
    "Product",
    "ProductFile",
    "Proposal",
    "ReferenceCatalogueEntry",
    "Release",
    "Released",
    "Revolution",
    "SavedQuery",
    "ScienceWindow",
    "SignOff",
    "Source",
    "SourceName",
    "SpiCatalogueEntry",
    "StoredFile",
    "Submission",
    "UsageCount",
    "UserTable",
    "Watch",
    "Withdrawal",
]
