"""The certificate authorities of RDS, by which the tracking server recognises its database.

They are in images/tracking/rds-ca.pem. To write it again from a bundle, such as AWS's global-bundle.pem:
`python -m infra.catalogue.aws.certificates bundle.pem`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).resolve().parents[3] / "images" / "tracking" / "rds-ca.pem"
PATH_IN_IMAGE = "/app/rds-ca.pem"
REGIONS = frozenset(re.findall(r"^# (\S+) ", FILE.read_text(encoding="ascii"), re.MULTILINE))
"""Those whose authorities the file has."""
_NAME = re.compile(r"Amazon RDS (\S+) Root CA (\S+ G\d+)")


def roots(bundle: bytes) -> Iterator[str]:
    """The valid root certificates of regions, each under a comment with its region and kind."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    for certificate in x509.load_pem_x509_certificates(bundle):
        (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        found = _NAME.fullmatch(str(name.value))
        if found and certificate.not_valid_after_utc > datetime.now(UTC):
            yield f"# {found[1]} {found[2]}\n{certificate.public_bytes(Encoding.PEM).decode()}"


def main(bundle: str) -> None:
    FILE.write_text("".join(sorted(roots(Path(bundle).read_bytes()))), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
