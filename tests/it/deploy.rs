//! What `deploy/` and `docs/deploy.md` tell people to apply is valid, and its parts fit together.
//!
//! The types below say what the published schemas say of the fields that are used here: `SpinApp` as in the custom
//! resource definition `core.spinkube.dev_spinapps.yaml` of `SpinKube`'s operator, the others as in the Kubernetes API
//! reference. A field that is not named here is one that the cluster may not know either: look it up, then add it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use aftercare_host::{Options, StartError, open_store};
use serde::Deserialize;
use serde_json::Value;

use crate::shop::manifest;

// ── The schemas ─────────────────────────────────────────────────────────────

type Labels = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum Document {
    #[serde(rename_all = "camelCase")]
    SpinApp { api_version: String, metadata: Metadata, spec: SpinApp },
    #[serde(rename_all = "camelCase")]
    CronJob { api_version: String, metadata: Metadata, spec: CronJob },
    #[serde(rename_all = "camelCase")]
    Secret { api_version: String, metadata: Metadata, r#type: String, string_data: Labels },
    #[serde(rename_all = "camelCase")]
    Service { api_version: String, metadata: Metadata, spec: Service },
    #[serde(rename_all = "camelCase")]
    StatefulSet { api_version: String, metadata: Metadata, spec: StatefulSet },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SpinApp {
    image: String,
    executor: String,
    replicas: u16,
    runtime_config: RuntimeConfig,
    variables: Vec<Variable>,
    checks: Checks,
    resources: Resources,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuntimeConfig {
    load_from_secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<ValueFrom>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValueFrom {
    secret_key_ref: SecretKeyRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretKeyRef {
    name: String,
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    liveness: AppProbe,
    readiness: AppProbe,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AppProbe {
    http_get: HttpGet,
    #[serde(rename = "initialDelaySeconds")]
    _initial_delay_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpGet {
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    requests: Labels,
    limits: Labels,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CronJob {
    schedule: String,
    concurrency_policy: ConcurrencyPolicy,
    #[serde(rename = "startingDeadlineSeconds")]
    _starting_deadline_seconds: u32,
    #[serde(rename = "successfulJobsHistoryLimit")]
    _successful_jobs_history_limit: u32,
    #[serde(rename = "failedJobsHistoryLimit")]
    _failed_jobs_history_limit: u32,
    job_template: Template<Job>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum ConcurrencyPolicy {
    Allow,
    Forbid,
    Replace,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template<T> {
    #[serde(default)]
    metadata: BTreeMap<String, Labels>,
    spec: T,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Job {
    #[serde(rename = "backoffLimit")]
    _backoff_limit: u32,
    active_deadline_seconds: u32,
    #[serde(rename = "ttlSecondsAfterFinished")]
    _ttl_seconds_after_finished: u32,
    template: Template<Pod>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pod {
    restart_policy: Option<RestartPolicy>,
    automount_service_account_token: bool,
    #[serde(rename = "terminationGracePeriodSeconds")]
    _termination_grace_period_seconds: Option<u32>,
    security_context: PodSecurity,
    containers: Vec<Container>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodSecurity {
    run_as_non_root: bool,
    #[serde(rename = "runAsUser")]
    _run_as_user: u32,
    #[serde(rename = "runAsGroup")]
    _run_as_group: Option<u32>,
    #[serde(rename = "fsGroup")]
    _fs_group: Option<u32>,
    #[serde(rename = "seccompProfile")]
    _seccomp_profile: Labels,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Container {
    name: String,
    image: String,
    args: Vec<String>,
    env: Vec<Variable>,
    #[serde(default)]
    ports: Vec<Port>,
    readiness_probe: Option<PortProbe>,
    liveness_probe: Option<PortProbe>,
    security_context: ContainerSecurity,
    #[serde(default)]
    volume_mounts: Vec<VolumeMount>,
    resources: Resources,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Port {
    name: String,
    container_port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortProbe {
    tcp_socket: TcpSocket,
    #[serde(rename = "initialDelaySeconds")]
    _initial_delay_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpSocket {
    port: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContainerSecurity {
    allow_privilege_escalation: bool,
    read_only_root_filesystem: bool,
    #[serde(rename = "capabilities")]
    _capabilities: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VolumeMount {
    name: String,
    mount_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Service {
    #[serde(rename = "clusterIP")]
    _cluster_ip: String,
    selector: Labels,
    ports: Vec<ServicePort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServicePort {
    #[serde(rename = "name")]
    _name: String,
    port: u16,
    target_port: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatefulSet {
    service_name: String,
    replicas: u16,
    selector: Selector,
    template: Template<Pod>,
    volume_claim_templates: Vec<VolumeClaim>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: Labels,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeClaim {
    metadata: Metadata,
    spec: VolumeClaimSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VolumeClaimSpec {
    #[serde(rename = "accessModes")]
    _access_modes: Vec<String>,
    resources: VolumeResources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeResources {
    requests: Labels,
}

// ── The documents ───────────────────────────────────────────────────────────

fn root() -> PathBuf {
    manifest().parent().expect("the repository's root").to_owned()
}

/// Every document of every manifest under `deploy/`.
fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    let folder = root().join("deploy/spinkube");
    for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()) {
        if entry.extension().is_some_and(|extension| extension == "yaml") {
            let text = read_to_string(&entry).expect("text");
            let values: Vec<Value> = serde_saphyr::from_multiple(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.display()));
            for value in values {
                let document = serde_json::from_value(value);
                documents.push(document.unwrap_or_else(|error| panic!("{}: {error}", entry.display())));
            }
        }
    }
    documents
}

/// Application variables of spin.toml, and whether each is a secret.
fn variables() -> BTreeMap<String, bool> {
    let manifest: toml::Table = read_to_string(manifest()).expect("text").parse().expect("TOML");
    let variables = manifest["variables"].as_table().expect("a table").iter();
    let is_secret =
        |definition: &toml::Value| definition.get("secret").is_some_and(|secret| secret == &true.into());
    variables.map(|(name, definition)| (name.clone(), is_secret(definition))).collect()
}

fn secrets(documents: &[Document]) -> BTreeMap<&str, &Labels> {
    let secrets = documents.iter().filter_map(|document| match document {
        Document::Secret { metadata, string_data, .. } => Some((metadata.name.as_str(), string_data)),
        _ => None,
    });
    secrets.collect()
}

fn app(documents: &[Document]) -> (&Metadata, &SpinApp) {
    let app = documents.iter().find_map(|document| match document {
        Document::SpinApp { metadata, spec, .. } => Some((metadata, spec)),
        _ => None,
    });
    app.expect("a SpinApp")
}

/// Kubernetes writes amounts as `100m`, `128Mi`, `5Gi`.
fn is_amount(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    digits.parse::<u64>().is_ok() && ["", "m", "Ki", "Mi", "Gi"].contains(&&text[digits.len()..])
}

fn is_dns_label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(allowed)
}

#[track_caller]
fn check_pod(pod: &Pod, secrets: &BTreeMap<&str, &Labels>) {
    assert!(pod.security_context.run_as_non_root && !pod.automount_service_account_token);
    for container in &pod.containers {
        assert!(is_dns_label(&container.name) && container.image.contains(':'), "{}", container.image);
        assert!(!container.security_context.allow_privilege_escalation);
        assert!(container.security_context.read_only_root_filesystem);
        check_resources(&container.resources);
        let ports: Vec<&str> = container.ports.iter().map(|port| port.name.as_str()).collect();
        for probe in [&container.readiness_probe, &container.liveness_probe].into_iter().flatten() {
            assert!(ports.contains(&probe.tcp_socket.port.as_str()));
        }
        for variable in &container.env {
            check_variable(variable, secrets);
            let used = format!("$({})", variable.name);
            assert!(container.args.iter().any(|argument| argument.contains(&used)), "{used} is not used");
        }
    }
}

#[track_caller]
fn check_resources(resources: &Resources) {
    for (name, amount) in resources.requests.iter().chain(&resources.limits) {
        assert!(["cpu", "memory"].contains(&name.as_str()) && is_amount(amount), "{name}: {amount}");
    }
}

/// It has a value or names a secret that the example has.
#[track_caller]
fn check_variable(variable: &Variable, secrets: &BTreeMap<&str, &Labels>) {
    let name = &variable.name;
    match (&variable.value, &variable.value_from) {
        (Some(_), None) => {}
        (None, Some(ValueFrom { secret_key_ref: SecretKeyRef { name: secret, key } })) => {
            let known = secrets.get(secret.as_str()).is_some_and(|secret| secret.contains_key(key));
            assert!(known, "{name}: secrets.example.yaml has no {key} in {secret}");
        }
        _ => panic!("{name} needs either a value or a secret"),
    }
}

#[test]
fn manifests_are_what_the_cluster_expects() {
    let documents = documents();
    let secrets = secrets(&documents);
    for document in &documents {
        let (api_version, expected, metadata) = match document {
            Document::SpinApp { api_version, metadata, .. } => {
                (api_version, "core.spinkube.dev/v1alpha1", metadata)
            }
            Document::CronJob { api_version, metadata, .. } => (api_version, "batch/v1", metadata),
            Document::StatefulSet { api_version, metadata, .. } => (api_version, "apps/v1", metadata),
            Document::Secret { api_version, metadata, .. }
            | Document::Service { api_version, metadata, .. } => (api_version, "v1", metadata),
        };
        assert_eq!(api_version, expected);
        assert!(is_dns_label(&metadata.name), "{}", metadata.name);
        match document {
            Document::CronJob { spec, .. } => check_pod(&spec.job_template.spec.template.spec, &secrets),
            Document::StatefulSet { spec, .. } => check_pod(&spec.template.spec, &secrets),
            Document::Secret { r#type, .. } => assert_eq!(r#type, "Opaque"),
            Document::SpinApp { .. } | Document::Service { .. } => {}
        }
    }
}

#[test]
fn the_spin_app_sets_variables_that_there_are_and_keeps_secrets_secret() {
    let documents = documents();
    let (secrets, variables) = (secrets(&documents), variables());
    let (_, app) = app(&documents);
    assert!(app.replicas > 0 && app.image.contains(':') && !app.executor.is_empty());
    check_resources(&app.resources);
    let mut set = BTreeSet::new();
    for variable in &app.variables {
        let name = &variable.name;
        let is_secret = variables.get(name).unwrap_or_else(|| panic!("spin.toml has no variable {name}"));
        assert!(set.insert(name), "{name} is set twice");
        assert_eq!(
            *is_secret,
            variable.value_from.is_some(),
            "{name}: secrets, and only they, come from a Secret"
        );
        check_variable(variable, &secrets);
    }
    for probe in [&app.checks.liveness, &app.checks.readiness] {
        // The host's own: an event that cannot be read must not take the webhooks down.
        assert_eq!(probe.http_get.path, "/.well-known/spin/health");
    }
}

#[test]
fn the_tick_reaches_dispatch_before_the_next_one() {
    let documents = documents();
    let (metadata, _) = app(&documents);
    let tick = documents.iter().find_map(|document| match document {
        Document::CronJob { spec, .. } => Some(spec),
        _ => None,
    });
    let tick = tick.expect("a CronJob");
    assert_eq!(tick.schedule.split_whitespace().count(), 5, "{}", tick.schedule);
    assert_eq!(tick.concurrency_policy, ConcurrencyPolicy::Forbid);
    let job = &tick.job_template.spec;
    assert!(job.active_deadline_seconds < 60, "it is over when the next one starts");
    let pod = &job.template.spec;
    assert_eq!(pod.restart_policy, Some(RestartPolicy::Never));
    let arguments = &pod.containers[0].args;
    // The operator makes a Service of the application's name.
    assert_eq!(arguments.last(), Some(&format!("http://{}/dispatch", metadata.name)));
    let has = |argument: &str| arguments.iter().any(|other| other == argument);
    assert!(has("POST") && has("Authorization: Bearer $(DISPATCH_TOKEN)"));
}

#[test]
fn the_store_is_found_and_keeps_what_it_acknowledges() {
    let documents = documents();
    let service = documents.iter().find_map(|document| match document {
        Document::Service { metadata, spec, .. } => Some((metadata, spec)),
        _ => None,
    });
    let store = documents.iter().find_map(|document| match document {
        Document::StatefulSet { spec, .. } => Some(spec),
        _ => None,
    });
    let ((metadata, service), store) = (service.expect("a Service"), store.expect("a StatefulSet"));
    assert_eq!(store.service_name, metadata.name);
    assert_eq!(store.replicas, 1, "replicas that follow are behind");
    assert_eq!(service.selector, store.selector.match_labels);
    assert_eq!(store.template.metadata["labels"], store.selector.match_labels);
    let container = &store.template.spec.containers[0];
    assert_eq!(service.ports[0].target_port, container.ports[0].name);
    assert_eq!(service.ports[0].port, container.ports[0].container_port);
    let mount = &container.volume_mounts[0];
    assert_eq!(mount.name, store.volume_claim_templates[0].metadata.name);
    assert!(store.volume_claim_templates[0].spec.resources.requests.values().all(|amount| is_amount(amount)));
    for pair in [
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--maxmemory-policy", "noeviction"],
        ["--dir", &mount.mount_path],
    ] {
        assert!(container.args.windows(2).any(|window| window == pair), "{pair:?}");
    }

    let secrets = secrets(&documents);
    let (_, app) = app(&documents);
    let config = secrets[app.runtime_config.load_from_secret.as_str()];
    assert_eq!(config.keys().collect::<Vec<_>>(), ["runtime-config.toml"], "this one key");
    let config: toml::Table = config["runtime-config.toml"].parse().expect("TOML");
    let url = config["key_value_store"]["default"]["url"].as_str().expect("a URL");
    let password = &secrets["aftercare-valkey"]["password"];
    assert_eq!(url, format!("redis://:{password}@{}:{}/0", metadata.name, service.ports[0].port));
}

/// The host reads it as Spin would. Nobody answers at the address it names.
async fn check_runtime_config(text: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("runtime-config.toml");
    std::fs::write(&file, text).expect("a file");
    let mut options = Options::new(Path::new("spin.toml"));
    options.runtime_config = Some(file);
    match open_store(&options, "default").await {
        Ok(_) | Err(StartError::Store { .. }) => {}
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_configurations_can_be_read() {
    let documents = documents();
    check_runtime_config(&secrets(&documents)["aftercare-runtime-config"]["runtime-config.toml"]).await;
    let docs = read_to_string(root().join("docs/deploy.md")).expect("text");
    let blocks: Vec<&str> =
        docs.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(!blocks.is_empty(), "the documentation shows a runtime configuration");
    for block in blocks {
        check_runtime_config(block).await;
    }
}

#[test]
fn the_documentation_names_variables_that_there_are() {
    let docs = read_to_string(root().join("docs/deploy.md")).expect("text");
    let variables = variables();
    let lower = |rest: &str| -> String {
        let name = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_');
        name.collect::<String>().to_ascii_lowercase()
    };
    let flags = docs.split("--variable ").skip(1);
    let environment = docs.split("SPIN_VARIABLE_").skip(1);
    let mut named = 0;
    for name in flags.chain(environment).map(lower) {
        assert!(variables.contains_key(&name), "docs/deploy.md sets {name}, which spin.toml does not have");
        named += 1;
    }
    assert!(named > 10);
}

#[test]
fn the_manifest_for_fermyon_cloud_asks_for_no_calls_between_components() {
    let docs = read_to_string(root().join("docs/deploy.md")).expect("text");
    let (_, command) = docs.split_once("sed '").expect("a sed command");
    let (expression, _) = command.split_once("' spin.toml > spin-cloud.toml").expect("what it makes");
    let output = std::process::Command::new("sed").arg(expression).arg(manifest()).output().expect("sed");
    let made: toml::Table = String::from_utf8(output.stdout).expect("text").parse().expect("TOML");
    let components = made["component"].as_table().expect("components");
    assert_eq!(components.len(), 13);
    for (name, component) in components {
        let hosts = component["allowed_outbound_hosts"].as_array().expect("hosts");
        let internal = |host: &toml::Value| host.as_str().is_some_and(|host| host.contains("spin.internal"));
        assert!(!hosts.iter().any(internal), "{name}: {hosts:?}");
    }
}
