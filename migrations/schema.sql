CREATE TABLE artifact (
	run_id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	plugin_id VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	media_type VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, path), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE attempt (
	execution_id VARCHAR NOT NULL, 
	fence INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	plugin_id VARCHAR NOT NULL, 
	worker_id VARCHAR NOT NULL, 
	started_at FLOAT NOT NULL, 
	ended_at FLOAT NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	exit_code INTEGER, 
	signal INTEGER, 
	wall_s FLOAT NOT NULL, 
	cpu_user_s FLOAT NOT NULL, 
	cpu_system_s FLOAT NOT NULL, 
	peak_rss_bytes BIGINT NOT NULL, 
	rows_read BIGINT NOT NULL, 
	rows_written BIGINT NOT NULL, 
	findings INTEGER NOT NULL, 
	warnings INTEGER NOT NULL, 
	stdout_tail VARCHAR NOT NULL, 
	stderr_tail VARCHAR NOT NULL, 
	truncated BOOLEAN NOT NULL, 
	wall_level VARCHAR NOT NULL, 
	PRIMARY KEY (execution_id, fence)
);
CREATE TABLE dataset_roles (
	input_sha256 VARCHAR NOT NULL, 
	roles JSON NOT NULL, 
	updated_at FLOAT NOT NULL, 
	PRIMARY KEY (input_sha256)
);
CREATE TABLE dataset_version (
	dataset_version_id VARCHAR NOT NULL, 
	input_sha256 VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	reader VARCHAR NOT NULL, 
	reading JSON NOT NULL, 
	columns JSON NOT NULL, 
	repairs JSON NOT NULL, 
	row_count BIGINT NOT NULL, 
	data_sha256 VARCHAR NOT NULL, 
	data_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, deleted_at FLOAT, purged_at FLOAT, 
	PRIMARY KEY (dataset_version_id)
);
CREATE TABLE erp (
	name VARCHAR NOT NULL, 
	document JSON NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE event (
	run_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	type VARCHAR NOT NULL, 
	plugin_id VARCHAR, 
	data JSON NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE execution (
	execution_id VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	plugin_id VARCHAR NOT NULL, 
	plugin_type VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	layer INTEGER NOT NULL, 
	depends_on JSON NOT NULL, 
	required BOOLEAN NOT NULL, 
	status VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	fence INTEGER, 
	fingerprint VARCHAR, 
	output_sha256 VARCHAR, 
	reused_from VARCHAR, 
	summary VARCHAR NOT NULL, 
	error JSON, 
	finding_count INTEGER NOT NULL, 
	queued_at FLOAT, 
	started_at FLOAT, 
	ended_at FLOAT, 
	progress_done FLOAT, 
	progress_total FLOAT, 
	progress_what VARCHAR NOT NULL, memory_mb INTEGER DEFAULT '0' NOT NULL, progress_unit VARCHAR DEFAULT '' NOT NULL, 
	PRIMARY KEY (execution_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE insight (
	run_id VARCHAR NOT NULL, 
	finding_id VARCHAR NOT NULL, 
	rank INTEGER NOT NULL, 
	plugin_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	columns JSON NOT NULL, 
	severity VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	statement VARCHAR NOT NULL, 
	effect JSON, 
	PRIMARY KEY (run_id, finding_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE insight_decision (
	decision_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	columns JSON NOT NULL, 
	pattern VARCHAR NOT NULL, 
	scope_kind VARCHAR NOT NULL, 
	scope_name VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT, 
	PRIMARY KEY (decision_id)
);
CREATE TABLE janitor (
	name VARCHAR NOT NULL, 
	ran_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE job (
	job_id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	execution_id VARCHAR, 
	state VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	not_before FLOAT NOT NULL, 
	attempt INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	reserved_for VARCHAR, 
	lease_owner VARCHAR, 
	lease_until FLOAT, 
	lease_boot_id VARCHAR, memory_mb INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (job_id), 
	FOREIGN KEY(execution_id) REFERENCES execution (execution_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE preset (
	name VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	notes VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (name), 
	FOREIGN KEY(sha256) REFERENCES preset_content (sha256)
);
CREATE TABLE preset_content (
	sha256 VARCHAR NOT NULL, 
	content JSON NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE raw_format (
	format_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	notes VARCHAR NOT NULL, 
	roles JSON NOT NULL, 
	settings JSON NOT NULL, 
	filename VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	PRIMARY KEY (format_id), 
	UNIQUE (name)
);
CREATE TABLE raw_format_header (
	fingerprint VARCHAR NOT NULL, 
	format_id VARCHAR NOT NULL, 
	header JSON NOT NULL, 
	seen_at FLOAT NOT NULL, 
	PRIMARY KEY (fingerprint), 
	FOREIGN KEY(format_id) REFERENCES raw_format (format_id)
);
CREATE TABLE run (
	run_id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	config JSON NOT NULL, 
	resolved_seed BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, 
	started_at FLOAT, 
	first_result_at FLOAT, 
	ended_at FLOAT, 
	cancel_requested BOOLEAN NOT NULL, 
	expanded BOOLEAN NOT NULL, 
	dataset_version_id VARCHAR, 
	datasets JSON NOT NULL, 
	insight_count INTEGER NOT NULL, 
	finding_count INTEGER NOT NULL, 
	warning_count INTEGER NOT NULL, 
	worst_severity VARCHAR, 
	event_seq INTEGER NOT NULL, 
	error JSON, 
	reserved_for VARCHAR, 
	idempotency_key VARCHAR, 
	idempotency_digest VARCHAR NOT NULL, pinned BOOLEAN DEFAULT '0' NOT NULL, deleted_at FLOAT, purged_at FLOAT, paused_at FLOAT, 
	PRIMARY KEY (run_id), 
	UNIQUE (idempotency_key)
);
CREATE TABLE run_dataset (
	run_id VARCHAR NOT NULL, 
	dataset_version_id VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, dataset_version_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE run_input (
	run_id VARCHAR NOT NULL, 
	upload_id VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, upload_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE run_scope (
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	PRIMARY KEY (kind, name, run_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE upload (
	upload_id VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	original_path VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, purged_at FLOAT, 
	PRIMARY KEY (upload_id)
);
CREATE TABLE worker (
	worker_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	process_started FLOAT NOT NULL, 
	started_at FLOAT NOT NULL, 
	beat_at FLOAT NOT NULL, 
	concurrency INTEGER NOT NULL, 
	draining BOOLEAN NOT NULL, 
	version VARCHAR NOT NULL, 
	PRIMARY KEY (worker_id)
);
CREATE INDEX ix_attempt_run_id ON attempt (run_id);
CREATE INDEX ix_dataset_version_newest ON dataset_version (created_at DESC, dataset_version_id DESC);
CREATE INDEX ix_execution_reusable ON execution (fingerprint, ended_at) WHERE status IN ('OK', 'NA');
CREATE INDEX ix_execution_run ON execution (run_id, layer, plugin_id);
CREATE INDEX ix_job_dead ON job (job_id) WHERE state = 'DEAD';
CREATE INDEX ix_job_execution ON job (execution_id);
CREATE INDEX ix_job_leased ON job (lease_until) WHERE state = 'LEASED';
CREATE INDEX ix_job_ready ON job (priority DESC, job_id) WHERE state = 'READY';
CREATE INDEX ix_job_run ON job (run_id, state);
CREATE INDEX ix_preset_sha256 ON preset (sha256);
CREATE INDEX ix_raw_format_header_format_id ON raw_format_header (format_id);
CREATE INDEX ix_run_dataset_dataset_version_id ON run_dataset (dataset_version_id);
CREATE INDEX ix_run_dataset_version_id ON run (dataset_version_id);
CREATE INDEX ix_run_fingerprint ON run (fingerprint);
CREATE INDEX ix_run_input_sha256 ON run_input (sha256);
CREATE INDEX ix_run_input_upload_id ON run_input (upload_id);
CREATE INDEX ix_run_kept ON run (status) WHERE deleted_at IS NULL;
CREATE INDEX ix_run_newest ON run (created_at DESC, run_id DESC);
CREATE INDEX ix_run_paused ON run (run_id) WHERE paused_at IS NOT NULL;
CREATE INDEX ix_run_scope_run_id ON run_scope (run_id);
CREATE INDEX ix_run_status_newest ON run (status, created_at DESC, run_id DESC);
CREATE INDEX ix_upload_sha256 ON upload (sha256);
