"""Settings of notifier."""

from pydantic import Field, SecretStr

from libs.service.settings import NatsSettings, PostgresSettings, ServiceSettings


class Settings(ServiceSettings, NatsSettings, PostgresSettings):
    """Settings of notifier, from the environment."""

    public_url: str = Field(description="Where visitors and the owner reach the gateway, `https://…`.")
    mail_channel: str = Field(default="smtp", pattern="^(smtp|ses)$", description="`smtp` or `ses`.")
    mail_from: str = Field(description="Address every mail is sent from; never the visitor's.")
    mail_owner: str = Field(description="Address that is told of every message.")
    mail_answer: bool = Field(default=True, description="Whether the sender gets an answer.")
    mail_uncertain: str = Field(
        default="leave",
        pattern="^(leave|again)$",
        description="A mail that a crash left without an outcome: `leave` it to the owner, or send it `again`.",
    )
    mail_workers: int = Field(default=4, ge=1, le=64, description="Submissions told of at once.")
    smtp_host: str = Field(default="127.0.0.1", description="SMTP server.")
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Its port.")
    smtp_tls: str = Field(default="none", pattern="^(none|starttls|tls)$", description="`none`, `starttls` or `tls`.")
    smtp_user: str | None = Field(default=None, description="SMTP user, when the server wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="Its password.")
    ses_region: str = Field(default="eu-west-1", description="AWS region of SES.")
    ses_endpoint_url: str | None = Field(default=None, description="Another endpoint than AWS's own.")
