"""JobSet: jobs of several pods that start again together. https://jobset.sigs.k8s.io"""

from infra.job_sets.controller import JobSets as JobSets
from infra.job_sets.controller import JobSetsArgs as JobSetsArgs
