CREATE TABLE meta (
	name VARCHAR NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE prompt_versions (
	version VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	text TEXT NOT NULL,
	created FLOAT NOT NULL,
	PRIMARY KEY (version, name)
);

CREATE INDEX ix_prompt_versions_name ON prompt_versions (name);

CREATE TABLE drafts (
	name VARCHAR NOT NULL,
	value TEXT NOT NULL,
	updated FLOAT NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE runs (
	id VARCHAR NOT NULL,
	name TEXT NOT NULL,
	note TEXT NOT NULL,
	owner VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	message TEXT NOT NULL,
	"plan" TEXT NOT NULL,
	decided TEXT NOT NULL,
	total INTEGER NOT NULL,
	created FLOAT NOT NULL,
	started FLOAT,
	ended FLOAT,
	deleted FLOAT,
	epoch INTEGER NOT NULL,
	heartbeat FLOAT,
	spent_usd FLOAT NOT NULL,
	unpriced INTEGER NOT NULL,
	reused INTEGER NOT NULL,
	retried INTEGER NOT NULL,
	live TEXT NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX ix_runs_status ON runs (status);

CREATE TABLE replies (
	id INTEGER NOT NULL,
	"key" VARCHAR NOT NULL,
	sample INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	run_id VARCHAR,
	endpoint VARCHAR NOT NULL,
	model VARCHAR NOT NULL,
	model_returned VARCHAR NOT NULL,
	seed INTEGER,
	batch INTEGER NOT NULL,
	text TEXT NOT NULL,
	chars INTEGER NOT NULL,
	reasoning TEXT NOT NULL,
	finish_reason VARCHAR NOT NULL,
	prompt_tokens INTEGER,
	completion_tokens INTEGER,
	reasoning_tokens INTEGER,
	cached_tokens INTEGER,
	cost_usd FLOAT,
	latency_ms FLOAT NOT NULL,
	first_token_ms FLOAT,
	request TEXT NOT NULL,
	honoured TEXT NOT NULL,
	created FLOAT NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX replies_by_key ON replies ("key", sample);

CREATE INDEX ix_replies_run_id ON replies (run_id);

CREATE TABLE conversations (
	id VARCHAR NOT NULL,
	name TEXT NOT NULL,
	settings TEXT NOT NULL,
	leaf INTEGER,
	created FLOAT NOT NULL,
	updated FLOAT NOT NULL,
	deleted FLOAT,
	PRIMARY KEY (id)
);

CREATE TABLE cases (
	run_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	case_id TEXT NOT NULL,
	inputs TEXT NOT NULL,
	expected TEXT,
	PRIMARY KEY (run_id, position),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE attempts (
	id INTEGER NOT NULL,
	run_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	number INTEGER NOT NULL,
	started FLOAT NOT NULL,
	ms FLOAT,
	kind VARCHAR NOT NULL,
	message TEXT NOT NULL,
	wait_s FLOAT,
	worst_usd FLOAT,
	worst_tokens INTEGER,
	worst_calls INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE INDEX attempts_by_cell ON attempts (run_id, position);

CREATE TABLE cells (
	run_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	case_position INTEGER NOT NULL,
	prompt VARCHAR NOT NULL,
	prompt_version VARCHAR NOT NULL,
	technique VARCHAR NOT NULL,
	examples_k INTEGER NOT NULL,
	endpoint VARCHAR NOT NULL,
	model VARCHAR NOT NULL,
	temperature FLOAT,
	temperature_sent FLOAT,
	parameter_note TEXT NOT NULL,
	top_p FLOAT,
	max_tokens INTEGER,
	seed INTEGER,
	sample INTEGER NOT NULL,
	"key" VARCHAR NOT NULL,
	prompt_tokens_counted INTEGER,
	context_limit INTEGER,
	status VARCHAR NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	error_kind VARCHAR DEFAULT '' NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	reused BOOLEAN DEFAULT 0 NOT NULL,
	reply_id INTEGER,
	reasoning TEXT DEFAULT '' NOT NULL,
	answer TEXT,
	ballot BIGINT,
	answer_note TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (run_id, position),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE,
	FOREIGN KEY(reply_id) REFERENCES replies (id)
);

CREATE INDEX cells_by_reply ON cells (reply_id);

CREATE INDEX cells_by_key ON cells (run_id, "key");

CREATE INDEX cells_by_status ON cells (run_id, status);

CREATE TABLE scores (
	run_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	"check" VARCHAR NOT NULL,
	value FLOAT,
	passed BOOLEAN,
	answer TEXT NOT NULL,
	explanation TEXT NOT NULL,
	failed BOOLEAN DEFAULT 0 NOT NULL,
	judge_reply_id INTEGER,
	PRIMARY KEY (run_id, position, "check"),
	FOREIGN KEY(judge_reply_id) REFERENCES replies (id)
);

CREATE TABLE ratings (
	run_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	value FLOAT,
	scale VARCHAR NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	updated FLOAT NOT NULL,
	PRIMARY KEY (run_id, position, owner),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE votes (
	id INTEGER NOT NULL,
	run_id VARCHAR NOT NULL,
	left_position INTEGER NOT NULL,
	right_position INTEGER NOT NULL,
	outcome VARCHAR NOT NULL,
	owner VARCHAR NOT NULL,
	by_model BOOLEAN DEFAULT 0 NOT NULL,
	judge_reply_id INTEGER,
	created FLOAT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE,
	FOREIGN KEY(judge_reply_id) REFERENCES replies (id)
);

CREATE INDEX ix_votes_run_id ON votes (run_id);

CREATE TABLE baselines (
	prompt VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	pinned FLOAT NOT NULL,
	PRIMARY KEY (prompt),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE turns (
	id INTEGER NOT NULL,
	conversation_id VARCHAR NOT NULL,
	parent INTEGER,
	role VARCHAR NOT NULL,
	part VARCHAR NOT NULL,
	text TEXT NOT NULL,
	created FLOAT NOT NULL,
	deleted FLOAT,
	PRIMARY KEY (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);

CREATE INDEX ix_turns_conversation_id ON turns (conversation_id);

CREATE TABLE turn_replies (
	turn_id INTEGER NOT NULL,
	variant INTEGER NOT NULL,
	text TEXT NOT NULL,
	state VARCHAR NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	cut INTEGER DEFAULT '0' NOT NULL,
	reply_id INTEGER,
	PRIMARY KEY (turn_id, variant),
	FOREIGN KEY(turn_id) REFERENCES turns (id) ON DELETE CASCADE,
	FOREIGN KEY(reply_id) REFERENCES replies (id)
);
