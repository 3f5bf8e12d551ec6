BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
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
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/ingest_small/output.json','ingest_small','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',172,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/ingest_small/stdout.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/ingest_small/stderr.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/profile_small/artifacts/count.json','profile_small','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/profile_small/output.json','profile_small','e0627f94675ee315508542db0883cd1c804e741f5eb0a2a6f394d990b17d0827',1056,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/profile_small/stdout.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/profile_small/stderr.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/planner_small/output.json','planner_small','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',301,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/planner_small/stdout.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/planner_small/stderr.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/analysis_count/artifacts/count.json','analysis_count','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/analysis_count/output.json','analysis_count','aec21804e49bec518c061673c98118722e4ece64a3d86044ac77baa93c7c4e36',1057,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/analysis_count/stdout.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/analysis_count/stderr.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/report_small/artifacts/report.md','report_small','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/report_small/artifacts/report.html','report_small','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/report_small/output.json','report_small','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',546,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/report_small/stdout.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','plugins/report_small/stderr.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','report.json','','328349517a39bac528dbadf709aea8097d910319250e10b3a6e14777ddb58005',12652,'application/json');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','report.html','','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','report.md','','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7zh6hnbvaebt2ttctbe','run_manifest.json','','c6c440de8d2d6d8f7b801cbe528a80c467623dfa300a72e11eb79df65b982cc9',16761,'application/json');
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
INSERT INTO "attempt" VALUES('run_01m7zh6hnbvaebt2ttctbe.ingest_small',1,'run_01m7zh6hnbvaebt2ttctbe','ingest_small','worker_01m7zh6heecbctabhcsrq3',1.79528081583291602139e+09,1.79528081638801121711e+09,'OK','It answered.',0,NULL,5.29982133000885369256e-01,0.306572,5.97209999999999963105e-02,118128640,0,3,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7zh6hnbvaebt2ttctbe.profile_small',1,'run_01m7zh6hnbvaebt2ttctbe','profile_small','worker_01m7zh6heecbctabhcsrq3',1.7952808164116647243e+09,1.7952808164751989841e+09,'OK','It answered.',0,NULL,5.48877100009121932089e-02,0.03202,0.008005,79634432,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7zh6hnbvaebt2ttctbe.planner_small',1,'run_01m7zh6hnbvaebt2ttctbe','planner_small','worker_01m7zh6heecbctabhcsrq3',1.7952808164824602604e+09,1.79528081651655149458e+09,'OK','It answered.',0,NULL,1.68039620002673473209e-02,0.007558,2.21999999999999975131e-03,43175936,0,0,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7zh6hnbvaebt2ttctbe.analysis_count',1,'run_01m7zh6hnbvaebt2ttctbe','analysis_count','worker_01m7zh6heecbctabhcsrq3',1.79528081653681850435e+09,1.79528081661467337612e+09,'OK','It answered.',0,NULL,6.49976730019261594861e-02,0.027913,1.19619999999999986756e-02,79642624,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7zh6hnbvaebt2ttctbe.report_small',1,'run_01m7zh6hnbvaebt2ttctbe','report_small','worker_01m7zh6heecbctabhcsrq3',1.79528081662034893033e+09,1.79528081665368962295e+09,'OK','It answered.',0,NULL,2.22037579987954813987e-02,0.0,0.010366,43208704,0,0,0,0,'','',0,'A+');
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
INSERT INTO "dataset_version" VALUES('dv_097c12aa8e179663','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b','data','table.csv','ingest_small 1.0.0','{"format": "csv"}','[{"name": "a", "nullable": true, "storage_type": "VARCHAR", "type": "text"}, {"name": "b", "nullable": true, "storage_type": "VARCHAR", "type": "text"}]','[]',3,'775cc1bfc6b9912863d46c826576ebad04124a41ea647d2eab849522639fb5a9',656,1.79528081638849282266e+09,NULL,NULL);
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
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',1,1.79528081578729987143e+09,'run.queued',NULL,'{"fingerprint": "sha256:a3eccfff69b1c81ace75087bbd71e14d66e6bb7051a6907d093a18932260ff52", "plugins": ["ingest_small", "profile_small", "planner_small"]}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',2,1.79528081578729987143e+09,'execution.queued','ingest_small','{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',3,1795280815.81103,'run.started',NULL,'{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',4,1795280815.81103,'execution.started','ingest_small','{"attempt": 1, "worker": "worker_01m7zh6heecbctabhcsrq3"}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',5,1.79528081638801121711e+09,'execution.ended','ingest_small','{"status": "OK", "summary": "Read 3 rows.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',6,1.79528081638801121711e+09,'execution.queued','profile_small','{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',7,1.79528081641032528879e+09,'execution.started','profile_small','{"attempt": 1, "worker": "worker_01m7zh6heecbctabhcsrq3"}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',8,1.7952808164751989841e+09,'execution.ended','profile_small','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',9,1.7952808164751989841e+09,'execution.queued','planner_small','{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',10,1.79528081648112702375e+09,'execution.started','planner_small','{"attempt": 1, "worker": "worker_01m7zh6heecbctabhcsrq3"}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',11,1.79528081651655149458e+09,'execution.ended','planner_small','{"status": "OK", "summary": "Planned.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',12,1.79528081653162527083e+09,'run.planned',NULL,'{"plugins": ["analysis_count", "report_small"]}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',13,1.79528081653162527083e+09,'execution.queued','analysis_count','{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',14,1.79528081653557229037e+09,'execution.started','analysis_count','{"attempt": 1, "worker": "worker_01m7zh6heecbctabhcsrq3"}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',15,1.79528081661467337612e+09,'execution.ended','analysis_count','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',16,1.79528081661467337612e+09,'execution.queued','report_small','{}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',17,1.79528081661875748634e+09,'execution.started','report_small','{"attempt": 1, "worker": "worker_01m7zh6heecbctabhcsrq3"}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',18,1.79528081665368962295e+09,'execution.ended','report_small','{"status": "OK", "summary": "Written.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7zh6hnbvaebt2ttctbe',19,1.79528081666295862201e+09,'run.ended',NULL,'{"status": "COMPLETED", "insights": 0}');
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
	progress_what VARCHAR NOT NULL, memory_mb INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (execution_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "execution" VALUES('run_01m7zh6hnbvaebt2ttctbe.ingest_small','run_01m7zh6hnbvaebt2ttctbe','ingest_small','ingest','1.0.0',0,'[]',1,'OK',1,1,'sha256:6cd3c80c88579bc87bd2dfda66277f45514ad9c417b4c1a15c16b05e3d9c0ab2','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',NULL,'Read 3 rows.',NULL,0,1.79528081578729987143e+09,1795280815.81103,1.79528081638801121711e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7zh6hnbvaebt2ttctbe.profile_small','run_01m7zh6hnbvaebt2ttctbe','profile_small','profile','1.0.0',1,'["ingest_small"]',1,'OK',1,1,'sha256:ba3e9593df01852915904747800fee5fbd6a14796a5036549f4518fa86113663','e0627f94675ee315508542db0883cd1c804e741f5eb0a2a6f394d990b17d0827',NULL,'Counted.',NULL,1,1.79528081638801121711e+09,1.79528081641032528879e+09,1.7952808164751989841e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7zh6hnbvaebt2ttctbe.planner_small','run_01m7zh6hnbvaebt2ttctbe','planner_small','planner','1.0.0',2,'["ingest_small", "profile_small"]',1,'OK',1,1,'sha256:e75f448689508cb5ef32302d0af1e8501e6d26e37db1a2406460c401d3225825','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',NULL,'Planned.',NULL,0,1.7952808164751989841e+09,1.79528081648112702375e+09,1.79528081651655149458e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7zh6hnbvaebt2ttctbe.analysis_count','run_01m7zh6hnbvaebt2ttctbe','analysis_count','analysis','1.0.0',2,'["ingest_small", "profile_small"]',0,'OK',1,1,'sha256:3e5473cc1adcd9b2e0b7fb9e123f14c8bb79e1f48e88391bbfda449cdb3e13a7','aec21804e49bec518c061673c98118722e4ece64a3d86044ac77baa93c7c4e36',NULL,'Counted.',NULL,1,1.79528081653162527083e+09,1.79528081653557229037e+09,1.79528081661467337612e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7zh6hnbvaebt2ttctbe.report_small','run_01m7zh6hnbvaebt2ttctbe','report_small','report','1.0.0',3,'["analysis_count", "ingest_small", "planner_small", "profile_small"]',1,'OK',1,1,'sha256:924e54516f7a8f1023ad43d3af2acdb7806aa321c43ecbcb8eb0f81913c3be75','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',NULL,'Written.',NULL,0,1.79528081661467337612e+09,1.79528081661875748634e+09,1.79528081665368962295e+09,NULL,NULL,'',1024);
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
INSERT INTO "job" VALUES(1,'execute','run_01m7zh6hnbvaebt2ttctbe','run_01m7zh6hnbvaebt2ttctbe.ingest_small','DONE',0,1.79528081578729987143e+09,1.79528081578729987143e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(2,'execute','run_01m7zh6hnbvaebt2ttctbe','run_01m7zh6hnbvaebt2ttctbe.profile_small','DONE',0,1.79528081638801121711e+09,1.79528081638801121711e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(3,'execute','run_01m7zh6hnbvaebt2ttctbe','run_01m7zh6hnbvaebt2ttctbe.planner_small','DONE',0,1.7952808164751989841e+09,1.7952808164751989841e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(4,'advance','run_01m7zh6hnbvaebt2ttctbe',NULL,'DONE',0,1.79528081651655149458e+09,1.79528081651655149458e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',0);
INSERT INTO "job" VALUES(5,'execute','run_01m7zh6hnbvaebt2ttctbe','run_01m7zh6hnbvaebt2ttctbe.analysis_count','DONE',0,1.79528081653162527083e+09,1.79528081653162527083e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(6,'execute','run_01m7zh6hnbvaebt2ttctbe','run_01m7zh6hnbvaebt2ttctbe.report_small','DONE',0,1.79528081661467337612e+09,1.79528081661467337612e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(7,'advance','run_01m7zh6hnbvaebt2ttctbe',NULL,'DONE',0,1.79528081665368962295e+09,1.79528081665368962295e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',0);
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
INSERT INTO "run" VALUES('run_01m7zh6hnbvaebt2ttctbe','COMPLETED','sha256:a3eccfff69b1c81ace75087bbd71e14d66e6bb7051a6907d093a18932260ff52','table.csv','{"inputs": [{"upload_id": "upload_01m7zh6hg5zarpn4nb9v1b", "filename": "table.csv", "sha256": "c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b", "size_bytes": 16}], "selection": null, "settings": {"analysis_count": {}, "ingest_small": {}, "planner_small": {}, "profile_small": {}, "report_small": {}}, "code": {"analysis_count": "b9fe0cae5d8694e1e6e57aac8cda766b7db4874130841e65c287be98a3f831ee", "ingest_small": "58b486bb120f2965d7cadad90d4b638cb063c53be4f6e4a8cc19456cac63183e", "planner_small": "bd9896663099798ea06951c3c88d927effd9fc5162f6190dbbf33eec4c22fbdc", "profile_small": "f5ec56b057814b3d45703521b88110b1f41b86ecdfa43779a5f0b268923dbf9f", "report_small": "5a25ec85085c0cf20d1215ff941bba1b0f608c850e71c2f75b688434fc83f6cc"}, "seed": 0, "engine": {"harness": "1.0.0", "duckdb": "2.0.0", "pyarrow": "26.0.1", "numpy": "2.4.6", "scipy": "1.17.1", "pandas": "3.1.1"}, "reuse": true, "strict": false, "sample": null, "erp": null, "presets": []}',5974999045844057978,1.79528081578729987143e+09,1795280815.81103,1.7952808164751989841e+09,1.79528081666295862201e+09,0,1,'dv_097c12aa8e179663','[{"role": "data", "dataset_version_id": "dv_097c12aa8e179663"}]',0,2,0,'info',19,NULL,NULL,NULL,'81b5bcad05b9bb5c48742eb91251377053fd155638f3d477957868901a9c46d3',0,NULL,NULL,NULL);
CREATE TABLE run_dataset (
	run_id VARCHAR NOT NULL, 
	dataset_version_id VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, dataset_version_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "run_dataset" VALUES('run_01m7zh6hnbvaebt2ttctbe','dv_097c12aa8e179663');
CREATE TABLE run_input (
	run_id VARCHAR NOT NULL, 
	upload_id VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, upload_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "run_input" VALUES('run_01m7zh6hnbvaebt2ttctbe','upload_01m7zh6hg5zarpn4nb9v1b','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b');
CREATE TABLE run_scope (
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	PRIMARY KEY (kind, name, run_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "run_scope" VALUES('dataset','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b','run_01m7zh6hnbvaebt2ttctbe');
CREATE TABLE upload (
	upload_id VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	original_path VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, purged_at FLOAT, 
	PRIMARY KEY (upload_id)
);
INSERT INTO "upload" VALUES('upload_01m7zh6hg5zarpn4nb9v1b','table.csv','/data/table.csv','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b',16,1.79528081562129426004e+09,NULL);
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
CREATE INDEX ix_run_dataset_version_id ON run (dataset_version_id);
CREATE INDEX ix_run_fingerprint ON run (fingerprint);
CREATE INDEX ix_upload_sha256 ON upload (sha256);
CREATE INDEX ix_execution_reusable ON execution (fingerprint, ended_at) WHERE status IN ('OK', 'NA');
CREATE INDEX ix_execution_run ON execution (run_id, layer, plugin_id);
CREATE INDEX ix_job_dead ON job (job_id) WHERE state = 'DEAD';
CREATE INDEX ix_job_execution ON job (execution_id);
CREATE INDEX ix_job_leased ON job (lease_until) WHERE state = 'LEASED';
CREATE INDEX ix_job_run ON job (run_id, state);
CREATE INDEX ix_dataset_version_newest ON dataset_version (created_at DESC, dataset_version_id DESC);
CREATE INDEX ix_run_newest ON run (created_at DESC, run_id DESC);
CREATE INDEX ix_run_status_newest ON run (status, created_at DESC, run_id DESC);
CREATE INDEX ix_job_ready ON job (priority DESC, job_id) WHERE state = 'READY';
CREATE INDEX ix_run_input_upload_id ON run_input (upload_id);
CREATE INDEX ix_run_input_sha256 ON run_input (sha256);
CREATE INDEX ix_run_dataset_dataset_version_id ON run_dataset (dataset_version_id);
CREATE INDEX ix_preset_sha256 ON preset (sha256);
CREATE INDEX ix_raw_format_header_format_id ON raw_format_header (format_id);
CREATE INDEX ix_run_scope_run_id ON run_scope (run_id);
CREATE INDEX ix_run_kept ON run (status) WHERE deleted_at IS NULL;
CREATE INDEX ix_run_paused ON run (run_id) WHERE paused_at IS NOT NULL;
COMMIT;
