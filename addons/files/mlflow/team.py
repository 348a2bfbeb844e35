"""Gives a team its workspace in MLflow and the user that gets into it; twice is the same as once.

Environment: TEAM, SPACE (``default`` or the team's own), TEAM_PASSWORD, and the admin's own
MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
"""

import os

import mlflow
from mlflow.exceptions import MlflowException, RestException
from mlflow.server.auth.client import AuthServiceClient

TEAM, SPACE = os.environ["TEAM"], os.environ["SPACE"]
ROLE = "team"
server = os.environ["MLFLOW_TRACKING_URI"]
client, users = mlflow.MlflowClient(server), AuthServiceClient(server)


def space() -> None:
    """Make the workspace, unless it is there."""
    if SPACE not in {known.name for known in client.list_workspaces()}:
        client.create_workspace(SPACE, description=f"of team {TEAM}")


def user() -> None:
    """Make the user, or set its password."""
    try:
        users.create_user(TEAM, os.environ["TEAM_PASSWORD"])
    except (MlflowException, RestException) as error:
        if "RESOURCE_ALREADY_EXISTS" not in str(error):
            raise
        users.update_user_password(TEAM, os.environ["TEAM_PASSWORD"])


def role() -> None:
    """Let the user do everything in the workspace, and nothing in any other."""
    known = {role.name: role for role in users.list_roles(SPACE)}
    made = known.get(ROLE) or users.create_role(SPACE, ROLE, f"whoever works as {TEAM}")
    if not users.list_role_permissions(made.id):
        users.add_role_permission(made.id, "workspace", "*", "MANAGE")
    if made.id not in {held.id for held in users.list_user_roles(TEAM)}:
        users.assign_role(TEAM, made.id)


space()
user()
role()
print(f"user {TEAM} works in workspace {SPACE}")
