"""Whether a running stack has what CNCF's AI conformance checklist asks for, with evidence for each item."""
