"""JobSet: jobs of several pods that start again together. https://jobset.sigs.k8s.io"""
