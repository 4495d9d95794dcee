# docker build -t dbjobs .
# docker run --rm -e DATABRICKS_HOST -e DATABRICKS_TOKEN dbjobs runs now nightly --wait
FROM python:3.13-slim AS build
COPY . /src
RUN pip install --no-cache-dir --prefix=/dbjobs "/src[sandbox]"

FROM python:3.13-slim
COPY --from=build /dbjobs /usr/local
RUN useradd --create-home dbjobs
USER dbjobs
WORKDIR /home/dbjobs
ENTRYPOINT ["dbjobs"]
