"""The tables of the double, and the regions Pinecone offers: none of them is in India."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (
    name TEXT PRIMARY KEY, field TEXT NOT NULL, dimension INTEGER NOT NULL, metric TEXT NOT NULL,
    cloud TEXT NOT NULL, region TEXT NOT NULL, protected INTEGER NOT NULL, tags TEXT NOT NULL,
    lsn INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS namespaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT, index_name TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (index_name, name)
);
CREATE TABLE IF NOT EXISTS vectors (
    namespace_id INTEGER NOT NULL, id TEXT NOT NULL, vector BLOB NOT NULL, norm REAL NOT NULL, metadata TEXT,
    PRIMARY KEY (namespace_id, id)
) WITHOUT ROWID;
"""

# As the SDK lists them (pinecone.models.enums); a contract test compares.
REGIONS = {
    "aws": ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1"),
    "gcp": ("us-central1", "europe-west4"),
    "azure": ("eastus2", "germanywestcentral"),
}
