"""What went wrong, in one line that names what to change."""

import re

from mlflow.exceptions import MlflowException

WRONG_CREDENTIALS = "the tracking server refused the credentials; check the mounted MLflow credentials file"
NOT_PERMITTED = "the tracking server's user may not write here"


def explain(error: MlflowException, uri: str) -> str:
    text = str(error)
    status = re.search(r"error code (\d{3})", text)
    if status and status[1] == "401":
        return f"{uri}: {WRONG_CREDENTIALS}"
    if status and status[1] == "403":
        return f"{uri}: {NOT_PERMITTED}"
    if "Max retries exceeded" in text:
        return f"{uri}: the tracking server can't be reached ({cause(text)})"
    return f"{uri}: {text.splitlines()[0]}"


def cause(text: str) -> str:
    """The innermost reason of urllib3's nested message."""
    reasons = re.findall(
        r"(Connection refused|Name or service not known|Temporary failure in name resolution"
        r"|timed out|too many 5\d\d error responses|[Nn]o route to host|CERTIFICATE_VERIFY_FAILED)",
        text,
    )
    return reasons[-1] if reasons else "no answer"
