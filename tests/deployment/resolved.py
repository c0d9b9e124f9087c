"""The translated template for given parameters, its conditions decided as CloudFormation does."""

from typing import Any

from tests.deployment.translated import translated

NO_VALUE = {"Ref": "AWS::NoValue"}


def resolved(*parameters: str) -> dict[str, dict[str, Any]]:
    """The resources that are made for parameters like ``Stage=dev``, by logical id.

    Parameters have their values, ``Fn::If`` has been decided, and what is ``AWS::NoValue`` is
    left out. What only AWS knows, like ``Fn::GetAtt``, stays as it is.
    """
    stack = _Stack(translated(*parameters), parameters)
    return {
        name: stack.value(definition)
        for name, definition in stack.template["Resources"].items()
        if stack.holds(definition.get("Condition"))
    }


def of_type(kind: str, *parameters: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a type like ``SQS::Queue``, by logical id."""
    made = resolved(*parameters).items()
    return {name: one["Properties"] for name, one in made if one["Type"] == f"AWS::{kind}"}


def broken_rules(*parameters: str) -> list[str]:
    """What CloudFormation says of parameters that do not go together."""
    stack = _Stack(translated(*parameters), parameters)
    return [
        assertion["AssertDescription"]
        for rule in stack.template["Rules"].values()
        if stack.is_true(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not stack.is_true(assertion["Assert"])
    ]


class _Stack:
    def __init__(self, template: dict[str, Any], parameters: tuple[str, ...]) -> None:
        self.template = template
        given = dict(one.split("=", 1) for one in ("Stage=prod", *parameters))
        defaults = {
            name: str(one["Default"])
            for name, one in template["Parameters"].items()
            if "Default" in one
        }
        self._parameters = {**defaults, **given}

    def holds(self, condition: str | None) -> bool:
        """Whether a condition holds; one that is not there does."""
        return condition is None or self.is_true(self.template["Conditions"][condition])

    def is_true(self, expression: Any) -> bool:
        """What a condition function says."""
        ((function, arguments),) = expression.items()
        match function:
            case "Fn::Equals":
                left, right = map(self.value, arguments)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.is_true(arguments[0])
            case _:
                raise NotImplementedError(function)

    def value(self, node: Any) -> Any:
        """A part of the template, with what the parameters decide."""
        if isinstance(node, list):
            return [self.value(one) for one in node if not self._is_nothing(one)]
        if not isinstance(node, dict):
            return node
        if node.get("Ref") in self._parameters:
            return self._parameters[node["Ref"]]
        if "Fn::If" in node:
            return self.value(self._chosen(node))
        return {key: self.value(one) for key, one in node.items() if not self._is_nothing(one)}

    def _chosen(self, node: Any) -> Any:
        condition, yes, no = node["Fn::If"]
        return yes if self.holds(condition) else no

    def _is_nothing(self, node: Any) -> bool:
        while isinstance(node, dict) and "Fn::If" in node:
            node = self._chosen(node)
        return bool(node == NO_VALUE)
