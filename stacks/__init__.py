"""What can be brought up: settings, profiles, composition, and the `cnai` command."""
