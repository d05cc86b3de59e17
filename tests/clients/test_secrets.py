"""Section 3 and D.6: secrets."""

import pytest
from nemo_platform import ConflictError, NotFoundError, PermissionDeniedError
from support import NGC_KEY, page_is_whole, problems, says, unique


def test_the_value_is_in_no_answer_but_access(api, ws):
    answers = [
        api.post(ws.secrets, {"name": "s1", "value": "very-secret", "description": "d"}),
        api.get(f"{ws.secrets}/s1"),
        api.get(ws.secrets),
        api.patch(f"{ws.secrets}/s1", {"value": "very-secret-2"}),
    ]
    for answer in answers:
        assert "very-secret" not in answer.text
        body = answer.json()
        for row in body["data"] if "pagination" in body else [body]:
            assert not {"value", "data", "_data"} & set(row)
    assert api.get(f"{ws.secrets}/s1/access").json() == {"name": "s1", "workspace": ws.workspace, "value": "very-secret-2"}


def test_a_secret_lives_its_whole_life(ws_client):
    made = ws_client.secrets.create(name="s1", value="v1")
    assert made.name == "s1" and made.workspace == ws_client.workspace and made.description is None
    assert ws_client.secrets.retrieve("s1").name == "s1" and ws_client.secrets.access("s1").value == "v1"
    assert ws_client.secrets.update("s1", value="v2", description="new").description == "new"
    assert ws_client.secrets.access("s1").value == "v2"
    assert ws_client.secrets.delete("s1") is None
    with pytest.raises(NotFoundError):
        ws_client.secrets.retrieve("s1")
    with pytest.raises(NotFoundError):
        ws_client.secrets.access("s1")


def test_a_taken_name_is_a_conflict(ws_client):
    ws_client.secrets.create(name="s1", value="v")
    with pytest.raises(ConflictError, match="already exists"):
        ws_client.secrets.create(name="s1", value="v")


@pytest.mark.parametrize("bad", ["has space", "a/b", "what!", "a@b"])
def test_a_bad_name_is_named_in_the_list_of_problems(api, ws, bad):
    messages = [message for _, _, message in problems(api.post(ws.secrets, {"name": bad, "value": "v"}, 422))]
    assert any("Invalid secret name" in message and bad in message for message in messages), messages


def test_an_empty_value_is_422_on_post_and_patch(api, ws):
    api.post(ws.secrets, {"name": "s1", "value": ""}, 422)
    api.post(ws.secrets, {"name": "s1", "value": "v"})
    api.patch(f"{ws.secrets}/s1", {"value": ""}, 422)
    assert api.get(f"{ws.secrets}/s1/access").json()["value"] == "v"


def test_an_empty_description_is_stored_and_an_absent_one_is_null(api, ws):
    assert api.post(ws.secrets, {"name": "s1", "value": "v"}).json()["description"] is None
    assert api.patch(f"{ws.secrets}/s1", {"description": ""}).json()["description"] == ""
    assert api.get(f"{ws.secrets}/s1").json()["description"] == "" and api.get(f"{ws.secrets}/s1/access").json()["value"] == "v"


def test_missing_secrets_are_404(api, ws):
    for call in (
        lambda p: api.get(p, 404),
        lambda p: api.patch(p, {"description": "x"}, 404),
        lambda p: api.delete(p, 404),
        lambda p: api.get(p + "/access", 404),
    ):
        says(call(f"{ws.secrets}/nobody"), "not found")


def test_another_workspaces_secrets_are_invisible(api, ws, default):
    name = unique("s")
    api.post(ws.secrets, {"name": name, "value": "v"})
    api.get(f"{default.secrets}/{name}", 404)
    assert name not in api.names(default.secrets, page_size=100)


def test_the_iterator_sees_every_secret_once(ws_client, api, ws):
    for number in range(23):
        api.post(ws.secrets, {"name": f"s{number:02}", "value": "v"})
    assert sorted(secret.name for secret in ws_client.secrets.list()) == [f"s{number:02}" for number in range(23)]
    page_is_whole(api.get(ws.secrets).json())


def test_values_stay_readable_when_keys_are_rotated(api, ws):
    long = "é" * 5000
    api.post(ws.secrets, {"name": "s1", "value": long})
    for _ in range(2):
        answer = api.post("/apis/secrets/v2/rotate-encryption-keys", None, 202).json()
        assert answer["success"] is True and answer["rotated_secrets"] >= 1
    assert api.get(f"{ws.secrets}/s1/access").json()["value"] == long


@pytest.mark.skipif(not NGC_KEY, reason="the server was started without NGC_API_KEY")
class TestThePlatformsKey:
    SYSTEM = "/apis/secrets/v2/workspaces/system/secrets"

    def test_it_is_the_last_row_of_the_last_page_and_counted_on_each(self, api):
        first = api.get(self.SYSTEM, params={"page_size": 1}).json()
        last = api.get(self.SYSTEM, params={"page_size": 1, "page": first["pagination"]["total_pages"]}).json()
        assert (
            last["data"][-1]["name"] == "ngc-api-key" and last["data"][-1]["description"] == "Default NGC API key secret for the platform"
        )
        assert first["pagination"]["total_results"] == last["pagination"]["total_results"] >= 1

    def test_it_can_be_read(self, api):
        assert api.get(f"{self.SYSTEM}/ngc-api-key").json()["name"] == "ngc-api-key"
        assert api.get(f"{self.SYSTEM}/ngc-api-key/access").json()["value"] == NGC_KEY

    def test_it_cannot_be_changed(self, client):
        with pytest.raises(PermissionDeniedError, match="Cannot overwrite the default NGC API key secret"):
            client.secrets.create(workspace="system", name="ngc-api-key", value="v")
        with pytest.raises(PermissionDeniedError, match="Cannot update the default NGC API key secret"):
            client.secrets.update("ngc-api-key", workspace="system", value="v")
        with pytest.raises(PermissionDeniedError, match="Cannot delete the default NGC API key secret"):
            client.secrets.delete("ngc-api-key", workspace="system")

    def test_elsewhere_the_name_is_an_ordinary_one(self, api, ws):
        api.post(ws.secrets, {"name": "ngc-api-key", "value": "v"})
        api.delete(f"{ws.secrets}/ngc-api-key")
