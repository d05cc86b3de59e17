"""Sections 2.1 to 2.3, D.1 and D.4: workspaces, members, projects, generic entities."""

import pytest
from support import ENTITIES, WORKSPACES, Paths, page_is_whole, problems, says, unique, upload, wait_until

WORKSPACE_MEMBERS = {"id", "name", "description", "created_at", "created_by", "updated_at", "updated_by"}
ENTITY_MEMBERS = {
    "entity_type",
    "id",
    "workspace",
    "parent",
    "project",
    "name",
    "data",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "db_version",
}


# ------------------------------------------------------------------------------------------------ workspaces


def test_default_and_system_are_there_from_the_start(client):
    assert client.workspaces.retrieve("default").description == "General-purpose workspace (all users have write access)"
    assert client.workspaces.retrieve("system").description == "Platform-provided resources (read-only for users)"


def test_a_workspace_is_created_with_all_its_members(api):
    name = unique("ws")
    made = api.post(WORKSPACES, {"name": name, "description": "mine"}, params={"wait_role_propagation": "true"}).json()
    assert WORKSPACE_MEMBERS <= set(made) and made["description"] == "mine" and made["created_by"] == "" and made["updated_by"] == ""
    assert api.get(f"{WORKSPACES}/{name}").json() == made
    api.delete(f"{WORKSPACES}/{name}", 200)


def test_a_taken_workspace_name_is_409(api, ws):
    says(api.post(WORKSPACES, {"name": ws.workspace}, 409), "already exists", ws.workspace)


@pytest.mark.parametrize("bad", ["", "a", "has space", "1st", "a--b", "Upper", "a-", "x" * 64, "a/b", "_a"])
def test_a_bad_workspace_name_is_422(api, bad):
    api.post(WORKSPACES, {"name": bad}, 422)


@pytest.mark.parametrize("good", ["ab", "a.b_c+d@e", "x" * 63])
def test_a_name_at_the_rules_edge_is_accepted(api, ws, good):
    api.post(ws.projects, {"name": good})


def test_put_changes_the_description_alone(api, ws):
    before = api.get(f"{WORKSPACES}/{ws.workspace}").json()
    after = api.put(f"{WORKSPACES}/{ws.workspace}", {"description": "new"}).json()
    assert after["description"] == "new" and after["id"] == before["id"] and after["updated_at"] > before["updated_at"]


def test_workspaces_are_listed_newest_first(api, ws):
    page_is_whole(api.get(WORKSPACES).json())
    assert api.names(WORKSPACES)[0] == ws.workspace and {"default", "system"} <= set(api.names(WORKSPACES, page_size=1000))


def test_workspaces_echo_their_filter(api, ws):
    answer = api.get(WORKSPACES, params={"filter[name]": ws.workspace}).json()
    assert answer["filter"] == {"name": {"$eq": ws.workspace}} and [row["name"] for row in answer["data"]] == [ws.workspace]


def test_a_missing_workspace_is_404_for_get_put_and_delete(api):
    path = f"{WORKSPACES}/{unique('nowhere')}"
    for method in ("GET", "DELETE"):
        says(api.call(method, path, 404), "not found")
    says(api.put(path, {"description": "x"}, 404), "not found")


def test_a_deleted_workspace_is_hidden_at_once_and_its_name_is_free_later(api):
    paths = Paths(unique("ws"))
    api.post(WORKSPACES, {"name": paths.workspace})
    api.post(paths.projects, {"name": "p1"})
    upload(api, paths, "f1", {"a.txt": b"x"})
    answer = api.delete(f"{WORKSPACES}/{paths.workspace}", 200).json()
    assert answer["message"] == "Workspace marked for deletion" and answer["id"] == paths.workspace
    api.get(f"{WORKSPACES}/{paths.workspace}", 404)
    api.put(f"{WORKSPACES}/{paths.workspace}", {"description": "x"}, 404)
    for path in (paths.projects, paths.filesets, paths.models, paths.jobs):
        says(api.get(path, 404), "not found")
    wait_until(lambda: api.post(WORKSPACES, {"name": paths.workspace}, (201, 409)).status_code == 201, 60, what="the clean-up")
    assert api.names(paths.projects) == [] and api.names(paths.filesets) == []
    api.delete(f"{WORKSPACES}/{paths.workspace}", 200)


# ------------------------------------------------------------------------------------------------ members


def test_a_new_workspace_lists_no_members(api, ws):
    assert api.rows(ws.members) == []


def test_a_member_without_roles_is_an_editor(ws_client):
    member = ws_client.workspaces.members.create(principal="a@example.org")
    assert member.principal == "a@example.org" and member.roles == ["Editor"] and member.granted_at is not None


def test_the_same_principal_again_is_201_and_no_second_row(api, ws):
    for roles in (["Viewer"], ["Viewer", "Admin"]):
        api.post(ws.members, {"principal": "a@example.org", "roles": roles}, params={"wait_role_propagation": "false"})
    assert [row["principal"] for row in api.rows(ws.members)] == ["a@example.org"]


def test_put_replaces_the_whole_role_list(api, ws):
    api.post(ws.members, {"principal": "a@example.org", "roles": ["Viewer", "Editor"]})
    api.post(ws.members, {"principal": "b@example.org", "roles": ["Admin"]})
    assert api.put(f"{ws.members}/a%40example.org", {"roles": ["Admin"]}).json()["roles"] == ["Admin"]
    assert {row["principal"]: row["roles"] for row in api.rows(ws.members)}["a@example.org"] == ["Admin"]


def test_a_member_can_be_removed_and_an_absent_one_is_404(api, ws):
    api.post(ws.members, {"principal": "a@example.org"})
    answer = api.delete(f"{ws.members}/a%40example.org", 200).json()
    assert answer["id"] == "a@example.org" and answer["deleted_count"] >= 1 and "deleted_at" not in answer
    says(api.delete(f"{ws.members}/a%40example.org", 404), "not found")
    says(api.put(f"{ws.members}/a%40example.org", {"roles": ["Viewer"]}, 404), "not found")


def test_the_last_admin_cannot_be_removed(api, ws):
    api.post(ws.members, {"principal": "a@example.org", "roles": ["Admin"]})
    api.post(ws.members, {"principal": "b@example.org", "roles": ["Viewer"]})
    api.delete(f"{ws.members}/a%40example.org", 409)
    assert len(api.rows(ws.members)) == 2


def test_members_of_a_missing_workspace_are_404_for_all_methods(api):
    members = Paths(unique("nowhere")).members
    says(api.get(members, 404), "not found")
    says(api.post(members, {"principal": "a@example.org"}, 404), "not found")
    says(api.put(f"{members}/a%40example.org", {"roles": ["Viewer"]}, 404), "not found")
    says(api.delete(f"{members}/a%40example.org", 404), "not found")


def test_membership_of_one_workspace_does_not_touch_another(api, ws):
    other = Paths(unique("ws"))
    api.post(WORKSPACES, {"name": other.workspace})
    api.post(ws.members, {"principal": "a@example.org"})
    assert api.rows(other.members) == []
    api.delete(f"{WORKSPACES}/{other.workspace}", 200)


# ------------------------------------------------------------------------------------------------ projects


def test_a_project_lives_its_whole_life(ws_client):
    made = ws_client.projects.create(name="p1", description="first")
    assert made.id.startswith("project-") and made.workspace == ws_client.workspace
    assert ws_client.projects.update("p1", description="second").description == "second"
    assert [project.name for project in ws_client.projects.list()] == ["p1"]
    gone = ws_client.projects.delete("p1")
    assert gone.deleted_count == 1 if hasattr(gone, "deleted_count") else gone is not None


def test_a_deleted_project_is_404_and_its_answer_counts_one(api, ws):
    api.post(ws.projects, {"name": "p1"})
    answer = api.delete(f"{ws.projects}/p1", 200).json()
    assert answer["deleted_count"] == 1 and "message" in answer and "deleted_at" not in answer
    for method in ("GET", "DELETE"):
        says(api.call(method, f"{ws.projects}/p1", 404), "not found")
    says(api.put(f"{ws.projects}/p1", {"description": "x"}, 404), "not found")


def test_a_project_with_members_can_be_deleted(api, ws):
    api.post(ws.projects, {"name": "p1"})
    api.post(f"{ws.entities}/thing", {"name": "e1", "project": "p1", "data": {}})
    api.delete(f"{ws.projects}/p1", 200)


def test_a_taken_project_name_is_409_in_its_workspace_only(api, ws, default):
    name = unique("p")
    api.post(ws.projects, {"name": name})
    says(api.post(ws.projects, {"name": name}, 409), "already exists")
    api.post(default.projects, {"name": name})
    api.delete(f"{default.projects}/{name}", 200)


def test_projects_are_listed_newest_first(api, ws):
    for name in ("p1", "p2", "p3"):
        api.post(ws.projects, {"name": name})
    assert api.names(ws.projects) == ["p3", "p2", "p1"]


def test_no_projects_have_no_pages(api, ws):
    assert api.get(ws.projects).json()["pagination"]["total_pages"] in (0, 1)


# ------------------------------------------------------------------------------------------------ entities


def test_an_entity_is_created_with_all_its_members(ws_client):
    made = ws_client.entities.create("customization_config", name="e1", data={"a": 1})
    assert made.id.startswith("customization-config-") and made.db_version == 1 and made.data == {"a": 1}


def test_an_entitys_answers_always_have_parent_and_project(api, ws):
    made = api.post(f"{ws.entities}/thing", {"name": "e1", "data": {"a": 1}}).json()
    assert set(made) >= ENTITY_MEMBERS and made["parent"] is None and made["project"] is None and made["created_by"] == ""
    assert api.get(f"{ws.entities}/thing/e1").json() == made and api.get(f"{ENTITIES}/entities/{made['id']}").json() == made


def test_an_entity_without_a_name_gets_one_of_its_type(api, ws):
    for body in ({"data": {}}, {"name": "", "data": {}}):
        name = api.post(f"{ws.entities}/customization_config", body).json()["name"]
        assert name.startswith("customization-config-") and len(name) == len("customization-config-") + 5


def test_an_entity_needs_its_data(api, ws):
    assert problems(api.post(f"{ws.entities}/thing", {"name": "e1"}, 422))[0][:2] == ("missing", ("body", "data"))


def test_entities_are_unique_by_type_parent_and_name(api, ws):
    things = f"{ws.entities}/thing"
    first = api.post(things, {"name": "top", "data": {}}).json()
    second = api.post(things, {"name": "top2", "data": {}}).json()
    for parent in (None, first["id"], second["id"]):
        api.post(things, {"name": "same", "data": {"p": parent}, **({"parent": parent} if parent else {})})
    says(api.post(things, {"name": "same", "data": {}}, 409), "already exists")
    says(api.post(things, {"name": "same", "parent": first["id"], "data": {}}, 409), "already exists")
    api.post(f"{ws.entities}/other", {"name": "same", "data": {}})


def test_an_entity_with_a_parent_is_addressed_by_it(api, ws):
    things = f"{ws.entities}/thing"
    parent = api.post(things, {"name": "top", "data": {}}).json()["id"]
    child = api.post(things, {"name": "kid", "parent": parent, "data": {"a": 1}}).json()
    assert child["parent"] == parent
    for method in ("GET", "DELETE"):
        says(api.call(method, f"{things}/kid", 404), "not found")
        api.call(method, f"{things}/kid", 404, params={"parent": "thing-wrong"})
    api.put(f"{things}/kid", {"data": {}}, 404)
    assert api.get(f"{things}/kid", params={"parent": parent}).json()["id"] == child["id"]
    assert api.put(f"{things}/kid", {"data": {"a": 2}}, params={"parent": parent}).json()["data"] == {"a": 2}


def test_a_parent_that_does_not_exist_is_422(api, ws):
    api.post(f"{ws.entities}/thing", {"name": "kid", "parent": "thing-nobody", "data": {}}, 422)


def test_put_replaces_the_data_and_counts_versions(api, ws):
    things = f"{ws.entities}/thing"
    before = api.post(things, {"name": "e1", "data": {"a": 1, "b": 2}}).json()
    for version in (2, 3):
        after = api.put(f"{things}/e1", {"data": {"a": version}}).json()
        assert after["data"] == {"a": version} and after["db_version"] == version and after["updated_at"] > before["updated_at"]
        before = after


def test_an_expected_version_that_is_not_the_present_one_is_409(api, ws):
    things = f"{ws.entities}/thing"
    api.post(things, {"name": "e1", "data": {}})
    api.put(f"{things}/e1", {"data": {}, "expected_db_version": 7}, 409)
    assert api.put(f"{things}/e1", {"data": {}, "expected_db_version": 1}).json()["db_version"] == 2


def test_an_entity_can_be_renamed_and_keeps_its_id(api, ws):
    things = f"{ws.entities}/thing"
    before = api.post(things, {"name": "e1", "data": {}}).json()
    after = api.put(f"{things}/e1", {"new_name": "e2", "data": {}}).json()
    assert after["id"] == before["id"] and after["name"] == "e2"
    api.get(f"{things}/e1", 404)
    assert api.get(f"{things}/e2").json()["id"] == before["id"]


def test_an_entitys_project_must_exist_on_post_and_put(api, ws):
    things = f"{ws.entities}/thing"
    says(api.post(things, {"name": "e1", "project": "nobody", "data": {}}, 422), "does not exist", "nobody")
    api.post(things, {"name": "e1", "data": {}})
    says(api.put(f"{things}/e1", {"project": "nobody", "data": {}}, 422), "does not exist", "nobody")
    api.post(ws.projects, {"name": "p1"})
    assert api.put(f"{things}/e1", {"project": "p1", "data": {}}).json()["project"] == "p1"


def test_deleting_a_parent_deletes_its_children(api, ws):
    things = f"{ws.entities}/thing"
    parent = api.post(things, {"name": "top", "data": {}}).json()["id"]
    child = api.post(things, {"name": "kid", "parent": parent, "data": {}}).json()["id"]
    answer = api.delete(f"{things}/top", 200).json()
    assert answer["id"] == f"{ws.workspace}/thing/top" and answer["deleted_count"] >= 1
    api.get(f"{ENTITIES}/entities/{child}", 404)


def test_an_unknown_entity_id_is_404(api):
    api.get(f"{ENTITIES}/entities/thing-nobody", 404)


def test_five_creates_in_a_row_have_five_times_in_order(api, ws):
    times = [api.post(f"{ws.entities}/thing", {"name": f"e{n}", "data": {}}).json()["created_at"] for n in range(5)]
    assert times == sorted(set(times)) and len(times) == 5
    assert api.names(f"{ws.entities}/thing") == ["e4", "e3", "e2", "e1", "e0"]


def test_entities_sort_by_name_and_by_data_with_numbers_as_numbers(api, ws):
    things = f"{ws.entities}/thing"
    for name, size in (("b1", 10), ("a1", 9), ("c1", 100)):
        api.post(things, {"name": name, "data": {"size": size}})
    assert api.names(things, sort="name") == ["a1", "b1", "c1"] and api.names(things, sort="-name") == ["c1", "b1", "a1"]
    assert api.names(things, sort="data.size") == ["a1", "b1", "c1"] and api.names(things, sort="-data.size") == ["c1", "b1", "a1"]


def test_an_unknown_sort_of_entities_is_an_error_of_the_caller(api, ws):
    assert api.get(f"{ws.entities}/thing", None, params={"sort": "colour"}).status_code in (400, 422)
