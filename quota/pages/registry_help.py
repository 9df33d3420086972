"""What to enter for each type of registry."""

from collections.abc import Sequence
from dataclasses import dataclass

from quota.models import Registry


@dataclass(frozen=True, slots=True)
class Help:
    """Words for the address and the login of one type, and on its catalogue."""

    type: str
    address: str
    login: str
    catalogue: str = "It lists its repositories by itself."


HELP: Sequence[Help] = (
    Help(
        Registry.Type.DOCKER,
        "Such as registry.example.com:5000. Begin with http:// where it has no TLS.",
        "The user and password of the registry; leave both empty if it has none.",
    ),
    Help(
        Registry.Type.HARBOR,
        "Such as harbor.example.com, without a project.",
        "A robot account such as robot$scanner and its secret, with the right to pull.",
        "Harbor lists all repositories to administrators only: name yours below for a"
        " robot account.",
    ),
    Help(
        Registry.Type.QUAY,
        "quay.io, or the host of your own Quay.",
        "A robot account such as acme+scanner and its token, with read rights.",
        "quay.io lists public repositories only: name your own below.",
    ),
    Help(
        Registry.Type.JFROG,
        "Such as acme.jfrog.io. Repositories begin with the Docker repository's key.",
        "A user and an identity token with read rights.",
    ),
    Help(
        Registry.Type.ECR,
        "Such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com.",
        "The user is AWS; the password is what aws ecr get-login-password prints. It"
        " runs out after 12 hours.",
    ),
    Help(
        Registry.Type.ACR,
        "Such as acme.azurecr.io.",
        "A token with the scope map _repositories_pull_metadata_read, or a service"
        " principal with the role AcrPull.",
        "A token of some repositories cannot list all: name them below.",
    ),
    Help(
        Registry.Type.TCR,
        "Such as acme.tencentcloudcr.com.",
        "The username and password of a long-term access credential.",
        "Personal registries do not list their repositories: name them below.",
    ),
)
