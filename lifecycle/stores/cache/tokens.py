"""Logs in to ElastiCache by IAM: a password that is a request signed with the account's credentials, for 15 minutes.

An open connection outlives it by up to 12 hours; then ElastiCache ends it and the next one brings a new token.
Source: Amazon ElastiCache User Guide, "Authenticating with IAM".
"""

from urllib.parse import urlencode

import boto3
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from redis.credentials import CredentialProvider

from portal.lib.regions import Aws

SECONDS = 900


class Tokens(CredentialProvider):
    """A new token for every login: signing asks nobody and takes less than a millisecond."""

    def __init__(self, user: str, cache: str, region: str, account: Aws) -> None:
        self._user, self._cache, self._region = user, cache, region
        self._session = boto3.Session(
            aws_access_key_id=account.access_key_id or None,
            aws_secret_access_key=account.secret_access_key or None,
            region_name=region,
        )

    def get_credentials(self) -> tuple[str, str]:
        """User and token, as redis-py asks for them at each new connection."""
        signer = RequestSigner(
            ServiceId("elasticache"),
            self._region,
            "elasticache",
            "v4",
            self._session.get_credentials(),
            self._session.events,
        )
        asked = f"https://{self._cache}/?{urlencode({'Action': 'connect', 'User': self._user})}"
        request = {"method": "GET", "url": asked, "body": {}, "headers": {}, "context": {}}
        signed = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=SECONDS, region_name=self._region
        )
        return self._user, str(signed).removeprefix("https://")
