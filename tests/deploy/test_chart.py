"""The chart says what the design demands: doubles, apart, bounded, probed, with nothing writable and no secret."""

import inspect
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from lifecycle.provisioning.terraform import commands
from tests.deploy.gotemplate import Chart, Unknown, parse, pieces
from tests.deploy.rendering import CHART, DEPLOY, manifests, of_kind, pods, validate, values

DOORS = {"web", "hot"}
PROCESSES = DOORS | {"worker-jobs", "scheduler", "sealer", "holder"}


@pytest.mark.parametrize("changes", [{}, {"autoscaling": {"enabled": True}}, {"ingress": {"enabled": False}}])
def test_every_manifest_is_one_that_kubernetes_knows(changes: dict[str, Any]) -> None:
    found = manifests(**changes)
    assert {one["kind"] for one in found} >= {"Deployment", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    for one in found:
        validate(one)


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    wrong = of_kind("Deployment")["bw-web"]
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFilesystem"] = True
    with pytest.raises(jsonschema.ValidationError):
        validate(wrong)


def test_three_of_each_door_never_on_one_node_and_bounded() -> None:
    found = of_kind("Deployment")
    assert set(found) == {f"bw-{name}" for name in PROCESSES}
    for name in DOORS:
        assert found[f"bw-{name}"]["spec"]["replicas"] == 3
    for name, one in found.items():
        spec, pod = one["spec"], one["spec"]["template"]["spec"]
        [apart] = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
        assert apart["labelSelector"] == spec["selector"]
        assert apart["labelSelector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items(), name
        assert pod["containers"][0]["resources"] == {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        }


def test_an_upgrade_needs_no_node_more_than_there_are_pods() -> None:
    for one in of_kind("Deployment").values():
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


@pytest.mark.parametrize(
    ("probe", "path", "figures"), [("readinessProbe", "ready", (10, 5, 3)), ("livenessProbe", "live", (30, 10, 5))]
)
def test_probes_of_the_doors(probe: str, path: str, figures: tuple[int, int, int]) -> None:
    for name in DOORS:
        said = pods()[name]["containers"][0][probe]
        assert (said["initialDelaySeconds"], said["periodSeconds"], said["failureThreshold"]) == figures
        assert said["httpGet"]["path"] == f"/health/{path}"


def test_every_kind_may_lose_one_at_a_time() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert {name: one["spec"]["maxUnavailable"] for name, one in budgets.items()} == {
        f"bw-{name}": 1 for name in PROCESSES
    }


def test_nothing_runs_as_root_writes_its_image_or_speaks_to_kubernetes() -> None:
    for name, pod in pods().items():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_secrets_come_from_secrets() -> None:
    secret = re.compile(r"SECRET|PASSWORD|DATABASE_URL|REDIS_URL|KEY_ID|TOKEN")
    for pod in pods().values():
        for variable in pod["containers"][0]["env"]:
            if secret.search(variable["name"]) and not variable["name"].endswith("_DIR"):
                assert "secretKeyRef" in variable["valueFrom"], variable
    with pytest.raises(jsonschema.ValidationError):
        values(env={"DJANGO_SECRET_KEY": "in-the-values"})


def test_the_ledgers_keys_are_in_the_sealer_alone() -> None:
    holders = {name for name, pod in pods().items() if any(one["name"] == "sealer" for one in pod["volumes"])}
    assert holders == {"sealer"}
    mounts = {one["mountPath"]: one for one in pods()["web"]["containers"][0]["volumeMounts"]}
    assert mounts["/srv/bailiwick/witness"]["readOnly"]


def test_every_mount_has_its_volume() -> None:
    for name, pod in pods().items():
        mounted = {one["name"] for one in pod["containers"][0]["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}, name


def test_the_schema_comes_first_and_with_the_owners_rights() -> None:
    [job] = of_kind("Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    container = job["spec"]["template"]["spec"]["containers"][0]
    address = next(one for one in container["env"] if one["name"] == "DATABASE_URL")
    assert address["valueFrom"]["secretKeyRef"]["key"] == "BAILIWICK_MIGRATE_DATABASE_URL"
    assert not [one for one in job["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in one]


def test_more_of_the_doors_when_they_are_busy() -> None:
    scaled = of_kind("HorizontalPodAutoscaler", autoscaling={"enabled": True})
    assert set(scaled) == {f"bw-{name}" for name in DOORS}
    assert all((one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) == (3, 6) for one in scaled.values())
    assert "replicas" not in of_kind("Deployment", autoscaling={"enabled": True})["bw-web"]["spec"]


def test_only_the_doors_are_reached_and_only_by_whom_the_values_name() -> None:
    whole, doors = of_kind("NetworkPolicy")["bw"]["spec"], of_kind("NetworkPolicy")["bw-doors"]["spec"]
    assert whole["policyTypes"] == ["Ingress", "Egress"] and whole["ingress"] == []
    assert doors["podSelector"]["matchExpressions"][0]["values"] == ["hot", "web"]
    assert doors["ingress"][0]["from"] == values()["networkPolicy"]["from"]
    [away] = [one for one in whole["egress"] if "to" in one]
    assert "169.254.0.0/16" in away["to"][0]["ipBlock"]["except"]  # the node's own credentials


def test_what_is_not_for_the_world_leads_nowhere() -> None:
    """The door's own paths are the rest; a service without pods answers 503 whatever the ingress controller is."""
    [ingress] = of_kind("Ingress").values()
    paths = {one["path"]: one["backend"]["service"]["name"] for one in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {"/metrics": "bw-nobody", "/health": "bw-nobody", "/v1/": "bw-hot", "/": "bw-web"}
    assert "selector" not in of_kind("Service")["bw-nobody"]["spec"]


def test_a_worker_has_longer_than_terraform_needs_to_stop_in_both() -> None:
    """And its ladder is the runner's: changed there alone, a command would be cut off without saving its state."""
    grace = inspect.signature(commands.start).parameters["grace"].default
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for seconds in (
        pods()["worker-jobs"]["terminationGracePeriodSeconds"],
        int(compose["services"]["worker"]["stop_grace_period"].removesuffix("s")),
    ):
        assert seconds >= sum(grace) + 60


def test_pods_take_on_a_role_by_an_account_that_is_named() -> None:
    assert all("serviceAccountName" not in pod for pod in pods().values())
    assert {pod["serviceAccountName"] for pod in pods(serviceAccountName="bailiwick").values()} == {"bailiwick"}


def test_a_pool_of_workers_for_each_set_of_queues() -> None:
    pools = {"jobs": {"replicas": 2, "queues": ["celery"], "concurrency": 4}}
    pools["moves"] = {"replicas": 1, "queues": ["moves", "copies"], "concurrency": 2}
    found = pods(workers=pools)
    command = found["worker-moves"]["containers"][0]["command"]
    assert command[command.index("--queues") + 1] == "moves,copies"
    assert command[command.index("--concurrency") + 1] == "2"


@pytest.mark.parametrize(
    "wrong",
    [
        {"env": {"BAILIWICK_PUBIC_URL": "https://portal.example"}},
        {"env": {"BAILIWICK_PUBLIC_URL": "http://portal.example"}},
        {"env": {"BAILIWICK_ALLOWED_HOSTS": "*"}},
        {"env": {"BAILIWICK_TSA_URL": ""}},
        {"env": {"BAILIWICK_TRUST_PROXY": "0"}},
        {"image": {"tag": ""}},
        {"image": {"digest": "latest"}},
        {"ingress": {"tlsSecret": ""}},
        {"doors": {"web": {"replicas": 1}}},
        {"worker": {}},
    ],
    ids=json.dumps,
)
def test_values_that_cannot_work_are_refused_before_anything_is_installed(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        values(**wrong)


def test_a_digest_is_stronger_than_a_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    found = pods(image={"digest": digest, "workerDigest": digest})
    assert found["web"]["containers"][0]["image"] == f"bailiwick@{digest}"
    assert found["worker-jobs"]["containers"][0]["image"] == f"bailiwick-worker@{digest}"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a {{- if eq .x 1 }} yes {{- else if eq .x 2 }} two {{- else }} no {{- end }} b", "a yes b"),
        ('{{ $v := "o" }}{{ if .x }}{{ $v = "i" }}{{ end }}{{ $v }}', "i"),
        ("{{ range $k, $v := .m }}{{ $k }}={{ $v | quote }};{{ end }}{{ with .m }}{{ .a }}{{ end }}", 'a="1";b="2";1'),
        ('x:{{ toYaml .m | nindent 2 }}{{ printf "%s!" (join "," (list "a" "b")) }}', "x:\n  a: 1\n  b: 2a,b!"),
    ],
)
def test_the_renderer_reads_the_language_as_go_does(source: str, shown: str) -> None:
    body, _ = parse(pieces(source))
    assert Chart(CHART)._text(body, {"x": 1, "m": {"b": 2, "a": 1}}, {"$": {}}) == shown


@pytest.mark.parametrize("source", ["{{ lookup .x }}", "{{ .x ? 1 }}", "{{ if .x }}", "{{ .none }}", "{{ $y = 1 }}"])
def test_the_renderer_guesses_nothing(source: str) -> None:
    with pytest.raises((Unknown, KeyError)):
        Chart(CHART)._text(parse(pieces(source))[0], {"x": 1}, {"$": {}})
