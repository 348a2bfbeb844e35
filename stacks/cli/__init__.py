"""The `cnai` command: preflight, view and reports around `pulumi`, never a second truth."""
