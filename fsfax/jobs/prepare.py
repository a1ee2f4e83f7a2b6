"""Preparation of a job's document: fetched if it is a URL, converted, joined.

Everything happens in files of a work folder that belongs to one job and is removed afterwards; the
results are stored in the database. A crash in the middle costs the work, never the document:
another worker prepares the job again, and a document that was fetched is not fetched again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsfax.db import documents
from fsfax.db.database import Database
from fsfax.document import office
from fsfax.document.fetch import fetch
from fsfax.document.libreoffice import to_pdf
from fsfax.document.tiff_f import join
from fsfax.engine.engine import Engine
from fsfax.errors import ConfigurationError, DocumentError, FetchError, StoreFull
from fsfax.jobs.claims import Preparation
from fsfax.jobs.settle import Settlement
from fsfax.settings import Settings

_FIRST_DELAY, _LONGEST_DELAY = 10.0, 900.0
_MOST_FETCHES = 10
"""Tries of a URL that is temporarily unavailable: about an hour altogether. Local trouble, such as
a full disk, has no limit: it is no reason to give a fax up."""

InThread = Callable[..., Any]
"""Runs a blocking function in a thread and waits for it: ``in_thread(function, *args)``."""


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares the documents of one worker's jobs."""

    engine: Engine
    database: Database
    settlement: Settlement
    settings: Settings
    in_thread: InThread

    def prepare(self, preparation: Preparation) -> None:
        """Prepare the document of one job, or store why it cannot be prepared.

        Raises:
            LeaseLost: another worker owns the job now.
            StoreError: the database cannot be used; the job is prepared later.
            Closed: the engine was closed meanwhile; another worker prepares the job.
        """
        job = preparation.job
        folder = self.settings.spool.absolute() / "work" / f"{job.id}.{preparation.token}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fax, pages = self._convert(preparation, folder)
        except FetchError as error:
            if error.temporary and preparation.job.fetches + 1 < _MOST_FETCHES:
                self._postpone(preparation, str(error))
            else:
                self._give_up(preparation, str(error))
        except DocumentError as error:
            if error.code == "not_written":
                self._postpone(preparation, str(error))
            else:
                self._give_up(preparation, str(error))  # also one that crashed the process
        except (StoreFull, ConfigurationError) as error:
            # Usually a full spool; if the database is full, this cannot be stored either.
            self._postpone(preparation, str(error))
        except OSError as error:
            problem = f"the work folder {folder} cannot be used: {error.strerror}"
            self._postpone(preparation, problem)
        else:
            self.in_thread(self.settlement.prepared, preparation, fax, pages)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _postpone(self, preparation: Preparation, problem: str) -> None:
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(preparation.job.fetches, 10))
        self.in_thread(self.settlement.postpone, preparation, problem, delay)

    def _give_up(self, preparation: Preparation, problem: str) -> None:
        self.in_thread(self.settlement.reject_document, preparation, problem)

    def _convert(self, preparation: Preparation, folder: Path) -> tuple[Path, int]:
        job = preparation.job
        sources: list[Path] = []
        for document in preparation.originals:
            source = folder / f"original-{document.position}"
            self.in_thread(documents.save, self.database, document, source)
            if kind := office.kind_of_media_type(document.media_type):
                source = to_pdf(source, folder, kind, self.settings.document)
            sources.append(source)
        if not sources and job.source:
            fetched = fetch(job.source, folder, self.settings.fetch)
            self.in_thread(self.settlement.fetched, preparation, fetched.path, fetched.media_type)
            sources.append(fetched.path)
        parts: list[Path] = []
        pages = 0
        for number, source in enumerate(sources):
            parts.append(folder / f"part-{number}.tif")
            conversion = self.engine.convert(
                source,
                parts[-1],
                resolution=job.preferences.over(self.settings.fax).resolution,
            )
            pages += len(conversion.pages)
        if len(parts) == 1:
            return parts[0], pages
        whole = folder / "whole.tif"
        self.in_thread(_join, parts, whole)
        return whole, pages


def _join(parts: list[Path], whole: Path) -> None:
    whole.write_bytes(join([part.read_bytes() for part in parts]))
