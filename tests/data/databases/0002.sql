BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/ingest_small/output.json','ingest_small','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',172,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/ingest_small/stdout.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/ingest_small/stderr.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/profile_small/artifacts/count.json','profile_small','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/profile_small/output.json','profile_small','42740874982b548a815ba97c7e5061c5f1c07608e21447ebd3cad03cd27ad1ad',1056,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/profile_small/stdout.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/profile_small/stderr.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/planner_small/output.json','planner_small','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',301,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/planner_small/stdout.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/planner_small/stderr.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/analysis_count/artifacts/count.json','analysis_count','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/analysis_count/output.json','analysis_count','3098ca4753895c36363e41bc056efc8f6799de62741cc74aea4a50c1748dcf34',1056,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/analysis_count/stdout.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/analysis_count/stderr.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/report_small/artifacts/report.md','report_small','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/report_small/artifacts/report.html','report_small','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/report_small/output.json','report_small','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',546,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/report_small/stdout.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','plugins/report_small/stderr.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','report.json','','a84b3899e56f4b094413e2bc20cdde61457a7204c8be86fe2b179181d86c1107',12651,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','report.html','','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','report.md','','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7yymvsg5tdpwskg6yw8','run_manifest.json','','82610a6b1af0a2aac3788e6d626833af637930860d636ca128ca9d512b70a5f5',15563,'application/json');
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
INSERT INTO "attempt" VALUES('run_01m7yymvsg5tdpwskg6yw8.ingest_small',1,'run_01m7yymvsg5tdpwskg6yw8','ingest_small','worker_01m7yymvm0k1wyjk5hgm0y',1.79526136199968051909e+09,1.79526136238897013669e+09,'OK','It answered.',0,NULL,3.75518441000167513266e-01,2.76416999999999968284e-01,5.91919999999999946194e-02,118214656,0,3,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yymvsg5tdpwskg6yw8.profile_small',1,'run_01m7yymvsg5tdpwskg6yw8','profile_small','worker_01m7yymvm0k1wyjk5hgm0y',1.79526136241659355161e+09,1.79526136264227771763e+09,'OK','It answered.',0,NULL,2.16057753999848500825e-01,0.156359,0.032917,83386368,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yymvsg5tdpwskg6yw8.planner_small',1,'run_01m7yymvsg5tdpwskg6yw8','planner_small','worker_01m7yymvm0k1wyjk5hgm0y',1.79526136265990757939e+09,1.79526136272818160059e+09,'OK','It answered.',0,NULL,5.11198550002518459223e-02,2.4353999999999997178e-02,2.13709999999999976372e-02,14737408,0,0,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yymvsg5tdpwskg6yw8.analysis_count',1,'run_01m7yymvsg5tdpwskg6yw8','analysis_count','worker_01m7yymvm0k1wyjk5hgm0y',1.79526136276386761667e+09,1.79526136300438523291e+09,'OK','It answered.',0,NULL,2.3276389500006189337e-01,0.156753,0.041054,83423232,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yymvsg5tdpwskg6yw8.report_small',1,'run_01m7yymvsg5tdpwskg6yw8','report_small','worker_01m7yymvm0k1wyjk5hgm0y',1.79526136302329564087e+09,1.79526136309786605834e+09,'OK','It answered.',0,NULL,6.28963819999626139178e-02,4.53309999999999962971e-02,0.008242,14757888,0,0,0,0,'','',0,'A+');
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
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (dataset_version_id)
);
INSERT INTO "dataset_version" VALUES('dv_097c12aa8e179663','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b','data','table.csv','ingest_small 1.0.0','{"format": "csv"}','[{"name": "a", "nullable": true, "storage_type": "VARCHAR", "type": "text"}, {"name": "b", "nullable": true, "storage_type": "VARCHAR", "type": "text"}]','[]',3,'775cc1bfc6b9912863d46c826576ebad04124a41ea647d2eab849522639fb5a9',656,1.79526136238953423502e+09);
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
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',1,1.79526136196807098392e+09,'run.queued',NULL,'{"fingerprint": "sha256:c2b1d4c72dc6badb0a4b6c9b3a8c3621947dc76c054de82754018abe63d461fa"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',2,1.79526136196807098392e+09,'execution.queued','ingest_small','{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',3,1.79526136198868155476e+09,'run.started',NULL,'{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',4,1.79526136198868155476e+09,'execution.started','ingest_small','{"attempt": 1, "worker": "worker_01m7yymvm0k1wyjk5hgm0y"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',5,1.79526136238897013669e+09,'execution.ended','ingest_small','{"status": "OK", "summary": "Read 3 rows.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',6,1.79526136238897013669e+09,'execution.queued','profile_small','{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',7,1.79526136240921640402e+09,'execution.started','profile_small','{"attempt": 1, "worker": "worker_01m7yymvm0k1wyjk5hgm0y"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',8,1.79526136264227771763e+09,'execution.ended','profile_small','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',9,1.79526136264227771763e+09,'execution.queued','planner_small','{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',10,1.79526136265324616427e+09,'execution.started','planner_small','{"attempt": 1, "worker": "worker_01m7yymvm0k1wyjk5hgm0y"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',11,1.79526136272818160059e+09,'execution.ended','planner_small','{"status": "OK", "summary": "Planned.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',12,1.79526136275173687929e+09,'run.planned',NULL,'{"plugins": ["analysis_count", "report_small"]}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',13,1.79526136275173687929e+09,'execution.queued','analysis_count','{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',14,1.79526136275786399841e+09,'execution.started','analysis_count','{"attempt": 1, "worker": "worker_01m7yymvm0k1wyjk5hgm0y"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',15,1.79526136300438523291e+09,'execution.ended','analysis_count','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',16,1.79526136300438523291e+09,'execution.queued','report_small','{}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',17,1.79526136301494741438e+09,'execution.started','report_small','{"attempt": 1, "worker": "worker_01m7yymvm0k1wyjk5hgm0y"}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',18,1.79526136309786605834e+09,'execution.ended','report_small','{"status": "OK", "summary": "Written.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yymvsg5tdpwskg6yw8',19,1.79526136312282919883e+09,'run.ended',NULL,'{"status": "COMPLETED", "insights": 0}');
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
INSERT INTO "execution" VALUES('run_01m7yymvsg5tdpwskg6yw8.ingest_small','run_01m7yymvsg5tdpwskg6yw8','ingest_small','ingest','1.0.0',0,'[]',1,'OK',1,1,'sha256:c639185212b4be6250b517de589bde2d0d3b27939fb8bbf54f30928a483cd54f','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',NULL,'Read 3 rows.',NULL,0,1.79526136196807098392e+09,1.79526136198868155476e+09,1.79526136238897013669e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7yymvsg5tdpwskg6yw8.profile_small','run_01m7yymvsg5tdpwskg6yw8','profile_small','profile','1.0.0',1,'["ingest_small"]',1,'OK',1,1,'sha256:28f642d765840d0bb68347b044ef53c2d944797f750eb0d4af40f12c5fdaa952','42740874982b548a815ba97c7e5061c5f1c07608e21447ebd3cad03cd27ad1ad',NULL,'Counted.',NULL,1,1.79526136238897013669e+09,1.79526136240921640402e+09,1.79526136264227771763e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7yymvsg5tdpwskg6yw8.planner_small','run_01m7yymvsg5tdpwskg6yw8','planner_small','planner','1.0.0',2,'["ingest_small", "profile_small"]',1,'OK',1,1,'sha256:6224bbf56a6211aadb1a0bab121a46ffab9ca45e79d17bcfb41a80256961dea1','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',NULL,'Planned.',NULL,0,1.79526136264227771763e+09,1.79526136265324616427e+09,1.79526136272818160059e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7yymvsg5tdpwskg6yw8.analysis_count','run_01m7yymvsg5tdpwskg6yw8','analysis_count','analysis','1.0.0',2,'["ingest_small", "profile_small"]',0,'OK',1,1,'sha256:b339d72243c355c8412499cdc80c22628713ac19fa127c23001fedbf57230fce','3098ca4753895c36363e41bc056efc8f6799de62741cc74aea4a50c1748dcf34',NULL,'Counted.',NULL,1,1.79526136275173687929e+09,1.79526136275786399841e+09,1.79526136300438523291e+09,NULL,NULL,'',1024);
INSERT INTO "execution" VALUES('run_01m7yymvsg5tdpwskg6yw8.report_small','run_01m7yymvsg5tdpwskg6yw8','report_small','report','1.0.0',3,'["analysis_count", "ingest_small", "planner_small", "profile_small"]',1,'OK',1,1,'sha256:e80261ff5f3b1e0d1098eef59aeda2a4dabfd887a2f3e5bc5eb34da786e1d9bd','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',NULL,'Written.',NULL,0,1.79526136300438523291e+09,1.79526136301494741438e+09,1.79526136309786605834e+09,NULL,NULL,'',1024);
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
INSERT INTO "job" VALUES(1,'execute','run_01m7yymvsg5tdpwskg6yw8','run_01m7yymvsg5tdpwskg6yw8.ingest_small','DONE',0,1.79526136196807098392e+09,1.79526136196807098392e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(2,'execute','run_01m7yymvsg5tdpwskg6yw8','run_01m7yymvsg5tdpwskg6yw8.profile_small','DONE',0,1.79526136238897013669e+09,1.79526136238897013669e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(3,'execute','run_01m7yymvsg5tdpwskg6yw8','run_01m7yymvsg5tdpwskg6yw8.planner_small','DONE',0,1.79526136264227771763e+09,1.79526136264227771763e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(4,'advance','run_01m7yymvsg5tdpwskg6yw8',NULL,'DONE',0,1.79526136272818160059e+09,1.79526136272818160059e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',0);
INSERT INTO "job" VALUES(5,'execute','run_01m7yymvsg5tdpwskg6yw8','run_01m7yymvsg5tdpwskg6yw8.analysis_count','DONE',0,1.79526136275173687929e+09,1.79526136275173687929e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(6,'execute','run_01m7yymvsg5tdpwskg6yw8','run_01m7yymvsg5tdpwskg6yw8.report_small','DONE',0,1.79526136300438523291e+09,1.79526136300438523291e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',1024);
INSERT INTO "job" VALUES(7,'advance','run_01m7yymvsg5tdpwskg6yw8',NULL,'DONE',0,1.79526136309786605834e+09,1.79526136309786605834e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3',0);
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
	idempotency_digest VARCHAR NOT NULL, 
	PRIMARY KEY (run_id), 
	UNIQUE (idempotency_key)
);
INSERT INTO "run" VALUES('run_01m7yymvsg5tdpwskg6yw8','COMPLETED','sha256:c2b1d4c72dc6badb0a4b6c9b3a8c3621947dc76c054de82754018abe63d461fa','table.csv','{"inputs": [{"upload_id": "upload_01m7yymvmzhhtt8web84fs", "filename": "table.csv", "sha256": "c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b", "size_bytes": 16}], "selection": null, "settings": {"analysis_count": {}, "ingest_small": {}, "planner_small": {}, "profile_small": {}, "report_small": {}}, "code": {"analysis_count": "b9fe0cae5d8694e1e6e57aac8cda766b7db4874130841e65c287be98a3f831ee", "ingest_small": "58b486bb120f2965d7cadad90d4b638cb063c53be4f6e4a8cc19456cac63183e", "planner_small": "bd9896663099798ea06951c3c88d927effd9fc5162f6190dbbf33eec4c22fbdc", "profile_small": "f5ec56b057814b3d45703521b88110b1f41b86ecdfa43779a5f0b268923dbf9f", "report_small": "5a25ec85085c0cf20d1215ff941bba1b0f608c850e71c2f75b688434fc83f6cc"}, "seed": 0, "engine": {"harness": "1.0.0", "duckdb": "2.0.0", "pyarrow": "26.0.1", "numpy": "2.4.6", "scipy": "1.17.1"}, "reuse": true, "strict": false, "sample": null, "erp": null, "presets": []}',2825953473132120794,1.79526136196807098392e+09,1.79526136198868155476e+09,1.79526136264227771763e+09,1.79526136312282919883e+09,0,1,'dv_097c12aa8e179663','[{"role": "data", "dataset_version_id": "dv_097c12aa8e179663"}]',0,2,0,'info',19,NULL,NULL,NULL,'ffdf3f59fc970b0a51d29b133bd0016d862144ed82d94bed514ed422938a8fb7');
CREATE TABLE upload (
	upload_id VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	original_path VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (upload_id)
);
INSERT INTO "upload" VALUES('upload_01m7yymvmzhhtt8web84fs','table.csv','/data/table.csv','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b',16,1.79526136182314181325e+09);
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
COMMIT;
