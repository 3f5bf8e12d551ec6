BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/ingest_small/output.json','ingest_small','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',172,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/ingest_small/stdout.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/ingest_small/stderr.log','ingest_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/profile_small/artifacts/count.json','profile_small','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/profile_small/output.json','profile_small','42740874982b548a815ba97c7e5061c5f1c07608e21447ebd3cad03cd27ad1ad',1056,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/profile_small/stdout.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/profile_small/stderr.log','profile_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/planner_small/output.json','planner_small','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',301,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/planner_small/stdout.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/planner_small/stderr.log','planner_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/analysis_count/artifacts/count.json','analysis_count','2444ff19bbc920bd94ccb81373081b4836333d629bb7229b310c2e605028952d',16,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/analysis_count/output.json','analysis_count','3098ca4753895c36363e41bc056efc8f6799de62741cc74aea4a50c1748dcf34',1056,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/analysis_count/stdout.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/analysis_count/stderr.log','analysis_count','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/report_small/artifacts/report.md','report_small','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/report_small/artifacts/report.html','report_small','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/report_small/output.json','report_small','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',546,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/report_small/stdout.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','plugins/report_small/stderr.log','report_small','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'text/plain');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','report.json','','a84b3899e56f4b094413e2bc20cdde61457a7204c8be86fe2b179181d86c1107',12651,'application/json');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','report.html','','194e8bdff376a42d24b63bea5cd2f5aad4c6d2fae61e478daf3de4467d738742',31,'text/html');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','report.md','','5f3938bba97629ea15438be65c7426ac829b8427c272935749b0e6dd74fa99f6',12,'text/markdown');
INSERT INTO "artifact" VALUES('run_01m7yxdtcjhed3042h3n4c','run_manifest.json','','ec389ce34360046074a64b4afa398028d466507a76fb42c37eb66e52325ec26c',15436,'application/json');
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
INSERT INTO "attempt" VALUES('run_01m7yxdtcjhed3042h3n4c.ingest_small',1,'run_01m7yxdtcjhed3042h3n4c','ingest_small','worker_01m7yxdsd08rjmq29p5bgv',1.79526008286288452152e+09,1.79526008480671024321e+09,'OK','It answered.',0,NULL,1.83236560100021961261e+00,0.331524,0.084261,118001664,0,3,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yxdtcjhed3042h3n4c.profile_small',1,'run_01m7yxdtcjhed3042h3n4c','profile_small','worker_01m7yxdsd08rjmq29p5bgv',1.79526008494935297972e+09,1.79526008562103891368e+09,'OK','It answered.',0,NULL,6.62990287999946303898e-01,0.167232,0.031859,83456000,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yxdtcjhed3042h3n4c.planner_small',1,'run_01m7yxdtcjhed3042h3n4c','planner_small','worker_01m7yxdsd08rjmq29p5bgv',1.79526008568220901487e+09,1.79526008583921551711e+09,'OK','It answered.',0,NULL,1.49239278000095509923e-01,0.035243,1.17469999999999987622e-02,14704640,0,0,0,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yxdtcjhed3042h3n4c.analysis_count',1,'run_01m7yxdtcjhed3042h3n4c','analysis_count','worker_01m7yxdsd08rjmq29p5bgv',1.7952600859498739242e+09,1.79526008644296813012e+09,'OK','It answered.',0,NULL,4.87205248000009305542e-01,0.176698,0.027488,83406848,3,0,1,0,'','',0,'A+');
INSERT INTO "attempt" VALUES('run_01m7yxdtcjhed3042h3n4c.report_small',1,'run_01m7yxdtcjhed3042h3n4c','report_small','worker_01m7yxdsd08rjmq29p5bgv',1.79526008650259685513e+09,1795260086.67543,'OK','It answered.',0,NULL,1.61917817999892577063e-01,0.050647,0.006496,14753792,0,0,0,0,'','',0,'A+');
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
INSERT INTO "dataset_version" VALUES('dv_097c12aa8e179663','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b','data','table.csv','ingest_small 1.0.0','{"format": "csv"}','[{"name": "a", "nullable": true, "storage_type": "VARCHAR", "type": "text"}, {"name": "b", "nullable": true, "storage_type": "VARCHAR", "type": "text"}]','[]',3,'775cc1bfc6b9912863d46c826576ebad04124a41ea647d2eab849522639fb5a9',656,1.79526008480726408959e+09);
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
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',1,1.79526008257807564733e+09,'run.queued',NULL,'{"fingerprint": "sha256:c2b1d4c72dc6badb0a4b6c9b3a8c3621947dc76c054de82754018abe63d461fa"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',2,1.79526008257807564733e+09,'execution.queued','ingest_small','{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',3,1.79526008273749899859e+09,'run.started',NULL,'{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',4,1.79526008273749899859e+09,'execution.started','ingest_small','{"attempt": 1, "worker": "worker_01m7yxdsd08rjmq29p5bgv"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',5,1.79526008480671024321e+09,'execution.ended','ingest_small','{"status": "OK", "summary": "Read 3 rows.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',6,1.79526008480671024321e+09,'execution.queued','profile_small','{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',7,1.79526008494278860091e+09,'execution.started','profile_small','{"attempt": 1, "worker": "worker_01m7yxdsd08rjmq29p5bgv"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',8,1.79526008562103891368e+09,'execution.ended','profile_small','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',9,1.79526008562103891368e+09,'execution.queued','planner_small','{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',10,1.79526008567741799356e+09,'execution.started','planner_small','{"attempt": 1, "worker": "worker_01m7yxdsd08rjmq29p5bgv"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',11,1.79526008583921551711e+09,'execution.ended','planner_small','{"status": "OK", "summary": "Planned.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',12,1.79526008593240809447e+09,'run.planned',NULL,'{"plugins": ["analysis_count", "report_small"]}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',13,1.79526008593240809447e+09,'execution.queued','analysis_count','{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',14,1.79526008594073796268e+09,'execution.started','analysis_count','{"attempt": 1, "worker": "worker_01m7yxdsd08rjmq29p5bgv"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',15,1.79526008644296813012e+09,'execution.ended','analysis_count','{"status": "OK", "summary": "Counted.", "findings": 1, "error": null}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',16,1.79526008644296813012e+09,'execution.queued','report_small','{}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',17,1.79526008649294519427e+09,'execution.started','report_small','{"attempt": 1, "worker": "worker_01m7yxdsd08rjmq29p5bgv"}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',18,1795260086.67543,'execution.ended','report_small','{"status": "OK", "summary": "Written.", "findings": 0, "error": null}');
INSERT INTO "event" VALUES('run_01m7yxdtcjhed3042h3n4c',19,1.79526008674791073792e+09,'run.ended',NULL,'{"status": "COMPLETED", "insights": 0}');
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
	progress_what VARCHAR NOT NULL, 
	PRIMARY KEY (execution_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "execution" VALUES('run_01m7yxdtcjhed3042h3n4c.ingest_small','run_01m7yxdtcjhed3042h3n4c','ingest_small','ingest','1.0.0',0,'[]',1,'OK',1,1,'sha256:c639185212b4be6250b517de589bde2d0d3b27939fb8bbf54f30928a483cd54f','f50162e05aa33437b7d5b15b382402f93d6fbd805eae2824b658fe6313144e6f',NULL,'Read 3 rows.',NULL,0,1.79526008257807564733e+09,1.79526008273749899859e+09,1.79526008480671024321e+09,NULL,NULL,'');
INSERT INTO "execution" VALUES('run_01m7yxdtcjhed3042h3n4c.profile_small','run_01m7yxdtcjhed3042h3n4c','profile_small','profile','1.0.0',1,'["ingest_small"]',1,'OK',1,1,'sha256:28f642d765840d0bb68347b044ef53c2d944797f750eb0d4af40f12c5fdaa952','42740874982b548a815ba97c7e5061c5f1c07608e21447ebd3cad03cd27ad1ad',NULL,'Counted.',NULL,1,1.79526008480671024321e+09,1.79526008494278860091e+09,1.79526008562103891368e+09,NULL,NULL,'');
INSERT INTO "execution" VALUES('run_01m7yxdtcjhed3042h3n4c.planner_small','run_01m7yxdtcjhed3042h3n4c','planner_small','planner','1.0.0',2,'["ingest_small", "profile_small"]',1,'OK',1,1,'sha256:6224bbf56a6211aadb1a0bab121a46ffab9ca45e79d17bcfb41a80256961dea1','de8804518adac90e978fa5a0f9697cb7e3005d3ebc82608909469d0f42d5e956',NULL,'Planned.',NULL,0,1.79526008562103891368e+09,1.79526008567741799356e+09,1.79526008583921551711e+09,NULL,NULL,'');
INSERT INTO "execution" VALUES('run_01m7yxdtcjhed3042h3n4c.analysis_count','run_01m7yxdtcjhed3042h3n4c','analysis_count','analysis','1.0.0',2,'["ingest_small", "profile_small"]',0,'OK',1,1,'sha256:b339d72243c355c8412499cdc80c22628713ac19fa127c23001fedbf57230fce','3098ca4753895c36363e41bc056efc8f6799de62741cc74aea4a50c1748dcf34',NULL,'Counted.',NULL,1,1.79526008593240809447e+09,1.79526008594073796268e+09,1.79526008644296813012e+09,NULL,NULL,'');
INSERT INTO "execution" VALUES('run_01m7yxdtcjhed3042h3n4c.report_small','run_01m7yxdtcjhed3042h3n4c','report_small','report','1.0.0',3,'["analysis_count", "ingest_small", "planner_small", "profile_small"]',1,'OK',1,1,'sha256:e80261ff5f3b1e0d1098eef59aeda2a4dabfd887a2f3e5bc5eb34da786e1d9bd','40c001abfe5e9a2a3871ac9982d3c832fb0a5d9efa4170ad15b9bd9c29c7fe80',NULL,'Written.',NULL,0,1.79526008644296813012e+09,1.79526008649294519427e+09,1795260086.67543,NULL,NULL,'');
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
	lease_boot_id VARCHAR, 
	PRIMARY KEY (job_id), 
	FOREIGN KEY(execution_id) REFERENCES execution (execution_id), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);
INSERT INTO "job" VALUES(1,'execute','run_01m7yxdtcjhed3042h3n4c','run_01m7yxdtcjhed3042h3n4c.ingest_small','DONE',0,1.79526008257807564733e+09,1.79526008257807564733e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(2,'execute','run_01m7yxdtcjhed3042h3n4c','run_01m7yxdtcjhed3042h3n4c.profile_small','DONE',0,1.79526008480671024321e+09,1.79526008480671024321e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(3,'execute','run_01m7yxdtcjhed3042h3n4c','run_01m7yxdtcjhed3042h3n4c.planner_small','DONE',0,1.79526008562103891368e+09,1.79526008562103891368e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(4,'advance','run_01m7yxdtcjhed3042h3n4c',NULL,'DONE',0,1.79526008583921551711e+09,1.79526008583921551711e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(5,'execute','run_01m7yxdtcjhed3042h3n4c','run_01m7yxdtcjhed3042h3n4c.analysis_count','DONE',0,1.79526008593240809447e+09,1.79526008593240809447e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(6,'execute','run_01m7yxdtcjhed3042h3n4c','run_01m7yxdtcjhed3042h3n4c.report_small','DONE',0,1.79526008644296813012e+09,1.79526008644296813012e+09,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
INSERT INTO "job" VALUES(7,'advance','run_01m7yxdtcjhed3042h3n4c',NULL,'DONE',0,1795260086.67543,1795260086.67543,1,0,1,NULL,NULL,NULL,'91fe538d-7f82-427f-b6a6-2173ce3f02d3');
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
INSERT INTO "run" VALUES('run_01m7yxdtcjhed3042h3n4c','COMPLETED','sha256:c2b1d4c72dc6badb0a4b6c9b3a8c3621947dc76c054de82754018abe63d461fa','table.csv','{"inputs": [{"upload_id": "upload_01m7yxdsh9hxec6hdx6c58", "filename": "table.csv", "sha256": "c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b", "size_bytes": 16}], "selection": null, "settings": {"analysis_count": {}, "ingest_small": {}, "planner_small": {}, "profile_small": {}, "report_small": {}}, "code": {"analysis_count": "b9fe0cae5d8694e1e6e57aac8cda766b7db4874130841e65c287be98a3f831ee", "ingest_small": "58b486bb120f2965d7cadad90d4b638cb063c53be4f6e4a8cc19456cac63183e", "planner_small": "bd9896663099798ea06951c3c88d927effd9fc5162f6190dbbf33eec4c22fbdc", "profile_small": "f5ec56b057814b3d45703521b88110b1f41b86ecdfa43779a5f0b268923dbf9f", "report_small": "5a25ec85085c0cf20d1215ff941bba1b0f608c850e71c2f75b688434fc83f6cc"}, "seed": 0, "engine": {"harness": "1.0.0", "duckdb": "2.0.0", "pyarrow": "26.0.1", "numpy": "2.4.6", "scipy": "1.17.1"}, "reuse": true, "strict": false, "sample": null, "erp": null, "presets": []}',2825953473132120794,1.79526008257807564733e+09,1.79526008273749899859e+09,1.79526008562103891368e+09,1.79526008674791073792e+09,0,1,'dv_097c12aa8e179663','[{"role": "data", "dataset_version_id": "dv_097c12aa8e179663"}]',0,2,0,'info',19,NULL,NULL,NULL,'a72c6cf5d1d2b8fd35b87df293048929fb9540b03f3f994cbac2b51c1955a561');
CREATE TABLE upload (
	upload_id VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	original_path VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (upload_id)
);
INSERT INTO "upload" VALUES('upload_01m7yxdsh9hxec6hdx6c58','table.csv','/data/table.csv','c2b61b26d592d19fdec26ca8e8a2256a4e443eff1844b37a5b61170c8365377b',16,1.79526008170553278927e+09);
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
