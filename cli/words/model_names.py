"""Names of models in the language of the terminal; jobs have them in English."""

from aijobs.domain.values.languages.language import Language
from cli.api_client import ApiClient, Document, api_path
from cli.errors import CommandError
from cli.words.wording import words


async def model_name(api: ApiClient, job: Document) -> str:
    """The name of a job's model; as the job has it where the model is gone, is called otherwise now, or is not told."""
    english: str = job["model_name"]
    if words().language == Language.EN:
        return english
    try:
        models = (await api.get(api_path("models")))["data"]
    except CommandError:
        return english
    same = (model for model in models if (model["model_id"], model["model_name"]) == (job["model_id"], english))
    return next(map(name_in_words, same), english)


def name_in_words(model: Document) -> str:
    """The name of a model of the catalogue."""
    name: str = model.get("model_name_in", {}).get(words().language.value, model["model_name"])
    return name
