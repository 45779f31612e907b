"""Settings of the buckets in which RecoverOps keeps models and history of its own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ObjectStoreSettings(BaseModel):
    """How `s3://bucket/prefix` in `detection.model_place` and `history.place` is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    account: str | None = Field(
        default=None,
        description="The account by which the bucket is used, by its name in `accounts`. Default: the one account, if "
        "there is only one.",
    )
    region: str | None = Field(
        default=None,
        description="The bucket's region, one of that account. Default: the one region, if there is only one; with "
        "`endpoint_url` us-east-1, which such servers take.",
    )
    keys: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        strict=False,
        description="ARNs of KMS keys of your own by which the bucket encrypts; the generated policy then has "
        "kms:GenerateDataKey and kms:Decrypt on exactly these. Default none: S3's own encryption needs no permission.",
    )
    endpoint_url: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9.\[\]:-]+$",
        description="A server that speaks S3 and is not AWS, e.g. `https://minio.example.org:9000`; it needs "
        "`access_key` and `secret_key`, and no account. Default none: S3 of AWS.",
    )
    access_key: str | None = Field(
        default=None, description="Reference to the access key of that server, e.g. `env:MINIO_KEY`. Default none."
    )
    secret_key: str | None = Field(
        default=None, description="Reference to the secret of `access_key`, e.g. `file:/run/secrets/s3`. Default none."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> ObjectStoreSettings:
        given = [one is not None for one in (self.endpoint_url, self.access_key, self.secret_key)]
        if any(given) and not all(given):
            raise ValueError("endpoint_url, access_key and secret_key belong together; give all of them or none")
        if self.endpoint_url is not None and self.account is not None:
            raise ValueError("account is given with endpoint_url, which is not AWS; leave out one of them")
        return self
