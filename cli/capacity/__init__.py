"""`make plan`: whether what a stack declares fits on its nodes and in its quotas.

`simulation` finds it out by the real scheduler and Kueue; the other modules compute it, and make the report of both.

`demand` reads what is declared, `scenario` what would be different; `quotas` and `nodes` count what is left while
`fleet` runs everything at once; `verdict` compares three sizes, and `report` holds what is found.
"""
